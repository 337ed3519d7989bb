#pragma once

#include <mpi.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <numeric>
#include <span>
#include <thread>
#include <vector>

#include "hypertape/core/communicator.hpp"

/// Ranks over MPI. No other header needs MPI (HYPERTAPE_WITH_MPI in CMake).
namespace hypertape::inline HYPERTAPE_ABI {

#if defined(__clang__)
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wweak-vtables"  // unavoidable in a header-only library
#endif

/// The ranks of an MPI communicator. Its messages are kept apart from all other MPI traffic. An MPI error ends all
/// ranks, which is MPI's default.
class MpiCommunicator final : public Communicator {
 public:
  /// Connects all processes, or those of another MPI communicator. MPI must be initialized (`MpiSession`).
  explicit MpiCommunicator(MPI_Comm ranks = MPI_COMM_WORLD) { use(ranks); }
  ~MpiCommunicator() override {
    int ended = 0;
    MPI_Finalized(&ended);
    if (ended == 0) MPI_Comm_free(&ranks_);
  }

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  void send(std::span<const std::byte> bytes, int to) const override {
    count(bytes.size());
    in_parts(bytes, [&](auto part) { MPI_Send(part.data(), length(part), MPI_BYTE, to, 0, ranks_); });
  }
  void receive(std::span<std::byte> bytes, int from) const override {
    in_parts(bytes,
             [&](auto part) { MPI_Recv(part.data(), length(part), MPI_BYTE, from, 0, ranks_, MPI_STATUS_IGNORE); });
  }
  void broadcast(std::span<std::byte> bytes, int from) const override {
    if (rank_ == from) count(bytes.size());
    in_parts(bytes, [&](auto part) { MPI_Bcast(part.data(), length(part), MPI_BYTE, from, ranks_); });
  }
  std::vector<std::vector<std::byte>> gather(std::span<const std::byte> own) const override {
    count(own.size());
    const auto ranks = static_cast<std::size_t>(size_);
    const int size = length(own);
    std::vector<int> sizes(ranks), places(ranks);
    MPI_Allgather(&size, 1, MPI_INT, sizes.data(), 1, MPI_INT, ranks_);
    std::exclusive_scan(sizes.begin(), sizes.end(), places.begin(), 0);
    std::vector<std::byte> all(static_cast<std::size_t>(places.back()) + static_cast<std::size_t>(sizes.back()));
    MPI_Allgatherv(own.data(), size, MPI_BYTE, all.data(), sizes.data(), places.data(), MPI_BYTE, ranks_);
    std::vector<std::vector<std::byte>> of_ranks;
    for (std::size_t r = 0; r < ranks; ++r) {
      const auto first = all.begin() + places[r];
      of_ranks.emplace_back(first, first + sizes[r]);
    }
    return of_ranks;
  }
  std::unique_ptr<Communicator> split(int group) const override {
    MPI_Comm part = MPI_COMM_NULL;
    MPI_Comm_split(ranks_, group, rank_, &part);
    std::unique_ptr<MpiCommunicator> ranks(new MpiCommunicator(PartOf{*this}, part));
    MPI_Comm_free(&part);
    return ranks;
  }

  /// Waits for all ranks to call this, for at most `patience`. Returns whether all did; if not, the program must end.
  bool meet(std::chrono::milliseconds patience) const {
    MPI_Request request = MPI_REQUEST_NULL;
    MPI_Ibarrier(ranks_, &request);
    const auto until = std::chrono::steady_clock::now() + patience;
    for (int done = 0; std::chrono::steady_clock::now() < until;) {
      MPI_Test(&request, &done, MPI_STATUS_IGNORE);
      if (done != 0) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return false;
  }

 private:
  MpiCommunicator(PartOf whole, MPI_Comm ranks) : Communicator(whole) { use(ranks); }

  void use(MPI_Comm ranks) {
    MPI_Comm_dup(ranks, &ranks_);
    MPI_Comm_rank(ranks_, &rank_);
    MPI_Comm_size(ranks_, &size_);
  }

  static constexpr std::size_t most_bytes = std::size_t{1} << 30;  // MPI counts in int

  template <class Bytes>
  static int length(Bytes bytes) {
    return static_cast<int>(bytes.size());
  }
  template <class Bytes, class Body>
  static void in_parts(Bytes bytes, const Body& body) {
    for (std::size_t at = 0; at < bytes.size(); at += most_bytes) {
      body(bytes.subspan(at, (std::min)(most_bytes, bytes.size() - at)));
    }
  }

  MPI_Comm ranks_ = MPI_COMM_NULL;
  int rank_ = 0, size_ = 1;
};

#if defined(__clang__)
#pragma clang diagnostic pop
#endif

/// Keeps MPI initialized while the object lives, unless the program has initialized it already: make one in `main`.
class MpiSession {
 public:
  MpiSession() {
    int initialized = 0, provided = 0;
    MPI_Initialized(&initialized);
    if (initialized != 0) return;
    MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided);  // only one thread talks to other ranks
    own_ = true;
  }
  MpiSession(const MpiSession&) = delete;
  MpiSession& operator=(const MpiSession&) = delete;
  ~MpiSession() {
    if (own_) MPI_Finalize();
  }

 private:
  bool own_ = false;
};

}  // namespace hypertape::inline HYPERTAPE_ABI
