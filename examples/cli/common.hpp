#pragma once

#include <CLI/CLI.hpp>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
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

/// Accepts whole numbers of 64 bits; CLI11 would wrap a negative one and saturate one that is too large.
inline CLI::Validator seed_number() {
  return CLI::Validator(
      [](const std::string& text) -> std::string {
        std::uint64_t value = 0;
        const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
        const bool valid = failure == std::errc() && end == text.data() + text.size();
        return valid ? "" : "needs a whole number in 0 .. 2^64 - 1, got " + text;
      },
      "WHOLE");
}

/// Options of every command that reads a dataset and writes results.
struct CommonOptions {
  std::string dataset = "mnist";
  std::optional<std::filesystem::path> data;
  std::filesystem::path out;
  std::uint64_t seed = 1;
  int threads = 0;

  void add(CLI::App& command) {
    command.add_option("--dataset", dataset, "What to train for")->check(CLI::IsMember(data::dataset_names()));
    command.add_option(
        "--data", data,
        "Folder with the dataset's files. Without it: $HYPERTAPE_DATA/DATASET, the cache folder, and for fashion-mnist "
        "the folder of Debian's package dataset-fashion-mnist");
    command.add_option("--out", out, "Folder for the results, created if need be")->required();
    command.add_option("--seed", seed, "Of everything random")->check(seed_number());
    command.add_option("--threads", threads, "0: as many as processors. Results do not depend on it")
        ->check(CLI::Range(0, 1024));
  }
};

/// Accepts numbers above (or, with `zero`, not below) zero and up to a billion. CLI11's own ranges let a NaN pass, and
/// its conversion to integers takes whatever is too large for the largest integer.
inline CLI::Validator positive(bool zero = false) {
  constexpr double most = 1e9;
  return CLI::Validator(
      [zero](const std::string& text) -> std::string {
        double value = 0;
        const bool valid = CLI::detail::lexical_cast(text, value) && (zero ? value >= 0 : value > 0) && value <= most;
        return valid ? ""
                     : message("needs a number ", zero ? "not below" : "above", " zero and at most 1e9, got ", text);
      },
      zero ? "NOT NEGATIVE" : "POSITIVE");
}

/// The folder that a run writes to. Results of an earlier run of the same command are removed, so that a folder never
/// shows one run's configuration beside another's outcome. @throws DataError at once, before any work is done, if it
/// cannot be written or holds the results of another command.
class OutputFolder {
 public:
  OutputFolder(std::filesystem::path folder, const std::string& command) : folder_(std::move(folder)) {
    std::error_code failure;
    std::filesystem::create_directories(folder_, failure);
    if (failure) throw DataError(message("--out ", folder_.string(), ": cannot create it: ", failure.message()));
    std::ifstream file(folder_ / "config.json");
    const Json config = file ? Json::parse(file, nullptr, false) : Json();
    if (file && (!config.is_object() || config.value("command", "") != command)) {
      throw DataError(message("--out ", folder_.string(), ": its config.json is not of an earlier `", command,
                              "`; choose another folder"));
    }
    const std::filesystem::path probe = folder_ / ".write-test";
    data::write_atomically(probe, std::string_view());
    std::filesystem::remove(probe);
    for (const char* name :
         {"config.json", "summary.json", "log.csv", "distilled.npz", "distilled.png", "linear.csv", "linear.svg"}) {
      std::filesystem::remove(folder_ / name);
    }
  }

  std::filesystem::path operator/(const char* name) const { return folder_ / name; }

  void write_json(const char* name, const Json& json) const {
    data::write_atomically(folder_ / name, json.dump(2) + "\n");
  }

 private:
  std::filesystem::path folder_;
};

/// What config.json says of the data: the folder that was read, null if it was generated.
inline Json folder_of(const data::Dataset& dataset) {
  return dataset.folder.empty() ? Json() : Json(std::filesystem::absolute(dataset.folder).string());
}

class Stopwatch {
 public:
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace hypertape::cli
