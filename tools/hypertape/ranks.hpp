#pragma once

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "hypertape/core/communicator.hpp"
#include "hypertape/core/error.hpp"
#if HYPERTAPE_WITH_MPI
#include <chrono>

#include "hypertape/mpi.hpp"
#endif

namespace hypertape::cli {

/// The processes of a run, started by mpirun or srun, or this one alone. Rank 0 leads: it alone writes and prints.
class Ranks {
 public:
  /// @throws ArgumentError if several were started and the program was built without MPI.
  Ranks() {
#if HYPERTAPE_WITH_MPI
    if (!is_launched()) return;
    session_ = std::make_unique<MpiSession>();
    mpi_ = std::make_unique<MpiCommunicator>();
    if (leads()) return;
    for (std::ostream* stream : {static_cast<std::ostream*>(&std::cout), static_cast<std::ostream*>(&std::cerr)}) {
      stream->setstate(std::ios::failbit);
    }
#else
    if (started() > 1) {
      throw ArgumentError("mpirun started ", started(), " processes, but hypertape was built without MPI");
    }
#endif
  }
  Ranks(const Ranks&) = delete;
  Ranks& operator=(const Ranks&) = delete;
  ~Ranks() = default;

  const Communicator& all() const {
#if HYPERTAPE_WITH_MPI
    if (mpi_) return *mpi_;
#endif
    return Communicator::alone();
  }
  bool leads() const { return all().rank() == 0; }

  /// Ends the process and prints why it failed, if it did; a message that several ranks share is printed once. A rank
  /// that fails while others continue ends them all.
  void end(int exit_code, const std::string& failure) const {
#if HYPERTAPE_WITH_MPI
    if (mpi_) return end_all(exit_code, failure);
#endif
    if (!failure.empty()) std::cerr << "hypertape: " << failure << '\n';
    static_cast<void>(exit_code);
  }

 private:
#if HYPERTAPE_WITH_MPI
  static bool is_launched() {
    return std::ranges::any_of(launchers, [](const char* name) { return std::getenv(name) != nullptr; });
  }

  void end_all(int exit_code, const std::string& failure) const {
    constexpr std::chrono::milliseconds patience{3000};
    const auto say = [&](int rank, std::string_view what) {
      std::cerr.clear();
      std::cerr << "hypertape: ";
      if (rank > 0) std::cerr << "rank " << rank << ": ";
      std::cerr << what << '\n' << std::flush;
    };
    if (!mpi_->meet(failure.empty() ? std::chrono::hours(24 * 365) : patience)) {
      say(mpi_->rank(), failure);
      MPI_Abort(MPI_COMM_WORLD, exit_code);
    }
    const auto failures = mpi_->gather(std::as_bytes(std::span(failure)));
    if (!leads()) return;
    for (std::size_t rank = 0; rank < failures.size(); ++rank) {
      const auto first = std::ranges::find(failures, failures[rank]);
      if (failures[rank].empty() || first != failures.begin() + static_cast<std::ptrdiff_t>(rank)) continue;
      say(static_cast<int>(rank), {reinterpret_cast<const char*>(failures[rank].data()), failures[rank].size()});
    }
  }

  /// Environment variables that launchers set: Open MPI, MPICH, Slurm.
  static constexpr const char* launchers[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_RANK"};

  std::unique_ptr<MpiSession> session_;
  std::unique_ptr<MpiCommunicator> mpi_;
#else
  /// The number of processes that the launcher reports.
  static int started() {
    int most = 1;
    for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE"}) {
      if (const char* value = std::getenv(name)) most = std::max(most, std::atoi(value));
    }
    return most;
  }
#endif
};

}  // namespace hypertape::cli
