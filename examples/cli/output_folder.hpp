#pragma once

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "hypertape/core/error.hpp"
#include "hypertape/data/file.hpp"
#include "options.hpp"

namespace hypertape::cli {

/// The content of a JSON file; null if it cannot be read or is no JSON.
inline Json read_json(const std::filesystem::path& path) {
  std::ifstream file(path);
  Json json = file ? Json::parse(file, nullptr, false) : Json();
  return json.is_discarded() ? Json() : json;
}

/// The folder that a run writes to, and no other run meanwhile.
class OutputFolder {
 public:
  /// For a new run of `command`, which writes the named files besides config.json and summary.json. Results of an
  /// earlier run of the same command are removed, so that a folder never shows one run's configuration beside another's
  /// outcome. @throws DataError at once, before any work is done, if the folder cannot be written, holds the results of
  /// another command or files of these names that are no run's, or another run is writing to it.
  static OutputFolder create(const std::filesystem::path& path, const std::string& command,
                             std::initializer_list<const char*> files) {
    std::error_code failure;
    std::filesystem::create_directories(path, failure);
    if (failure) throw DataError(message("--out ", path.string(), ": cannot create it: ", failure.message()));
    OutputFolder folder(path);
    const bool earlier_run = std::filesystem::exists(path / "config.json");
    if (earlier_run) read_config(path, command);  // not to overwrite another's results
    for (const char* name : files) {
      if (earlier_run || !std::filesystem::exists(path / name)) continue;
      throw DataError(
          message("--out ", path.string(), ": holds ", name, " but no run's config.json; it would be lost"));
    }
    const std::filesystem::path probe = path / ".write-test";
    data::write_atomically(probe, std::string_view());
    std::filesystem::remove(probe);
    std::filesystem::remove(path / "summary.json");
    for (const char* name : files) std::filesystem::remove(path / name);
    std::filesystem::remove(path / "config.json");  // last: it says whose the others are
    return folder;
  }

  /// That of an earlier run, left as it is. @throws DataError if another run is writing to it.
  static OutputFolder open(const std::filesystem::path& path) { return OutputFolder(path); }

  /// The config.json of an earlier run of `command`. @throws DataError if there is none, or of another command.
  static Json read_config(const std::filesystem::path& path, const std::string& command) {
    if (!std::filesystem::exists(path / "config.json")) {
      throw DataError(message(path.string(), ": there is no config.json of an earlier `", command, "` here"));
    }
    Json config = read_json(path / "config.json");
    if (!config.is_object() || config.value("command", "") != command) {
      throw DataError(message(path.string(), ": its config.json is damaged, or not of an earlier `", command, "`"));
    }
    return config;
  }

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

  void write_json(const char* name, const Json& json) const {
    data::write_atomically(path_ / name, json.dump(2) + "\n");
  }

 private:
  explicit OutputFolder(std::filesystem::path path)
      : path_(std::move(path)), lock_(std::make_shared<const Lock>(path_)) {
    if (!lock_->take()) throw DataError(message("--out ", path_.string(), ": another run is writing to it"));
    data::remove_temporary_files(path_);
  }

  /// A folder's lock, which ends with the process, however that ends. Where the file system knows no locks it locks
  /// nothing.
  class Lock {
   public:
    explicit Lock(const std::filesystem::path& path)
        : descriptor_(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {}
    Lock(const Lock&) = delete;
    Lock& operator=(const Lock&) = delete;
    ~Lock() {
      if (descriptor_ >= 0) ::close(descriptor_);
    }
    /// Takes it; false if another process has it.
    bool take() const {
      return descriptor_ < 0 || ::flock(descriptor_, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
    }

   private:
    int descriptor_;
  };

  std::filesystem::path path_;
  std::shared_ptr<const Lock> lock_;  // of all copies
};

}  // namespace hypertape::cli
