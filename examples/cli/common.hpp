#pragma once

#include <CLI/CLI.hpp>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <system_error>

#include "hypertape/core/error.hpp"
#include "hypertape/core/version.hpp"
#include "hypertape/data/dataset.hpp"
#include "hypertape/data/file.hpp"
#include "hypertape/data/locate.hpp"
#include "options.hpp"

/// What the commands share: their common options, the output folder, and the clock.
namespace hypertape::cli {

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

  void add(Options& options) {
    using enum Options::OnResume;
    options.add("--dataset", dataset, "What to train for")->check(CLI::IsMember(data::dataset_names()));
    options.add("--data", data,
                "Folder with the dataset's files. Without it: $HYPERTAPE_DATA/DATASET, the cache folder, and for "
                "fashion-mnist the folder of Debian's package dataset-fashion-mnist",
                free);
    options.add("--out", out, "Folder for the results, created if need be", not_kept);
    options.add("--seed", seed, "Of everything random")->check(seed_number());
    options.add("--threads", threads, "0: as many as processors. Results do not depend on it", free)
        ->check(CLI::Range(0, 1024));
  }

  /// @throws CLI::RequiredError if there is no --out.
  void require_out() const {
    if (out.empty()) throw CLI::RequiredError("--out");
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

/// The content of a JSON file; null if it cannot be read or is no JSON.
inline Json read_json(const std::filesystem::path& path) {
  std::ifstream file(path);
  Json json = file ? Json::parse(file, nullptr, false) : Json();
  return json.is_discarded() ? Json() : json;
}

/// What every command's config.json begins with.
inline Json config_of(const char* command, const Options& options) {
  Json config = {{"command", command}, {"version", HYPERTAPE_VERSION}};
  config.update(options.json());
  return config;
}

/// The folder that a run writes to.
class OutputFolder {
 public:
  /// For a new run of `command`, which writes the named files besides config.json and summary.json. Results of an
  /// earlier run of the same command are removed, so that a folder never shows one run's configuration beside another's
  /// outcome. @throws DataError at once, before any work is done, if the folder cannot be written or holds the results
  /// of another command.
  static OutputFolder create(const std::filesystem::path& path, const std::string& command,
                             std::initializer_list<const char*> files) {
    std::error_code failure;
    std::filesystem::create_directories(path, failure);
    if (failure) throw DataError(message("--out ", path.string(), ": cannot create it: ", failure.message()));
    if (std::filesystem::exists(path / "config.json"))
      read_config(path, command);  // not to overwrite another's results
    const std::filesystem::path probe = path / ".write-test";
    data::write_atomically(probe, std::string_view());
    std::filesystem::remove(probe);
    for (const char* name : {"config.json", "summary.json"}) std::filesystem::remove(path / name);
    for (const char* name : files) std::filesystem::remove(path / name);
    return OutputFolder(path);
  }

  /// That of an earlier run, left as it is.
  static OutputFolder open(const std::filesystem::path& path) { return OutputFolder(path); }

  /// The config.json of an earlier run of `command`. @throws DataError if there is none, or of another command.
  static Json read_config(const std::filesystem::path& path, const std::string& command) {
    Json config = read_json(path / "config.json");
    if (!config.is_object() || config.value("command", "") != command) {
      throw DataError(message(path.string(), ": its config.json is not of an earlier `", command, "`"));
    }
    return config;
  }

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

  void write_json(const char* name, const Json& json) const {
    data::write_atomically(path_ / name, json.dump(2) + "\n");
  }

 private:
  explicit OutputFolder(std::filesystem::path path) : path_(std::move(path)) {}

  std::filesystem::path path_;
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
