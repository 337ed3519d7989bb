#pragma once

#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <system_error>

#include "hypertape/core/error.hpp"
#include "hypertape/data/file.hpp"
#include "hypertape/data/locate.hpp"

/// What the commands share: their common options, the output folder, and the clock.
namespace hypertape::cli {

using Json = nlohmann::ordered_json;

/// Options of every command that reads a dataset and writes results.
struct CommonOptions {
  std::string dataset = "mnist";
  std::optional<std::filesystem::path> data;
  std::filesystem::path out;
  std::uint64_t seed = 1;
  int threads = 0;

  void add(CLI::App& command) {
    command.add_option("--dataset", dataset, "What to train for")
        ->check(CLI::IsMember({"mnist", "fashion-mnist", "glyphs"}));
    command.add_option(
        "--data", data,
        "Folder with the dataset's files. Without it: $HYPERTAPE_DATA/DATASET, the cache folder, and for fashion-mnist "
        "the folder of Debian's package dataset-fashion-mnist");
    command.add_option("--out", out, "Folder for the results, created if need be")->required();
    command.add_option("--seed", seed, "Of everything random");
    command.add_option("--threads", threads, "0: as many as processors. Results do not depend on it")
        ->check(CLI::Range(0, 1024));
  }
};

/// Accepts finite numbers above (or, with `zero`, not below) zero; CLI11's own ranges let a NaN pass.
inline CLI::Validator positive(bool zero = false) {
  const char* name = zero ? "NOT NEGATIVE" : "POSITIVE";
  return CLI::Validator(
      [zero](const std::string& text) -> std::string {
        double value = 0;
        const bool valid =
            CLI::detail::lexical_cast(text, value) && std::isfinite(value) && (zero ? value >= 0 : value > 0);
        return valid ? "" : "needs a finite number " + std::string(zero ? "not below" : "above") + " zero, got " + text;
      },
      name);
}

/// The folder that a run writes to. @throws DataError at once if it cannot be written, before any work is done.
class OutputFolder {
 public:
  explicit OutputFolder(std::filesystem::path folder) : folder_(std::move(folder)) {
    std::error_code failure;
    std::filesystem::create_directories(folder_, failure);
    if (failure) throw DataError(message("--out ", folder_.string(), ": cannot create it: ", failure.message()));
    const std::filesystem::path probe = folder_ / ".write-test";
    data::write_atomically(probe, std::string_view());
    std::filesystem::remove(probe);
  }

  std::filesystem::path operator/(const char* name) const { return folder_ / name; }

  void write_json(const char* name, const Json& json) const {
    data::write_atomically(folder_ / name, json.dump(2) + "\n");
  }

 private:
  std::filesystem::path folder_;
};

class Stopwatch {
 public:
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// The most memory that this process ever had resident.
inline double peak_rss_mb() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

}  // namespace hypertape::cli
