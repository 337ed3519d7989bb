#pragma once

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "hypertape/core/communicator.hpp"
#include "hypertape/core/error.hpp"
#include "hypertape/io/file.hpp"
#include "json_file.hpp"
#include "options.hpp"
#include "paths.hpp"
#include "report.hpp"

namespace hypertape::cli {

/// The folder of a run, which no other process may write to meanwhile. Only the first rank writes.
class OutputFolder {
 public:
  /// For a new run of `command`, which writes the named files besides config.json and summary.json. Checks at once that
  /// this is possible, but changes nothing before `create`. @throws DataError if the folder cannot be written, holds
  /// another command's results or files of these names that no run wrote, or another process is writing there.
  OutputFolder(std::filesystem::path path, const std::string& command, std::initializer_list<const char*> files,
               const Communicator& ranks)
      : OutputFolder("--out", std::move(path), ranks) {
    if (!writes_) return;
    files_.assign(files.begin(), files.end());
    files_.emplace_back("report.html");
    const bool earlier_run = std::filesystem::exists(path_ / "config.json");
    if (earlier_run) read_config(path_, command);  // throws rather than overwrite another command's results
    for (const std::string& name : files_) {
      if (earlier_run || !std::filesystem::exists(path_ / name)) continue;
      throw DataError("--out ", path_.string(), ": holds ", name,
                      " but no config.json of a run; it would be overwritten");
    }
  }

  /// Opens an earlier run's folder without changing it. @throws DataError if it cannot be written, or another process
  /// is writing there.
  static OutputFolder open(const char* option, const std::filesystem::path& path, const Communicator& ranks) {
    require_folder(option, path);
    return OutputFolder(option, path, ranks);
  }

  /// Creates the folder if necessary. Removes results of an earlier run of the same command, so that a folder never
  /// mixes one run's configuration with another's results. @throws DataError if it cannot be created or written.
  void create() {
    if (!writes_) return;
    std::error_code failure;
    std::filesystem::create_directories(path_, failure);
    if (failure) throw DataError("--out ", path_.string(), ": cannot be created: ", failure.message());
    lock("--out");
    try {
      io::write_atomically(path_ / ".write-test", std::string_view());
    } catch (const DataError& error) {
      throw DataError("--out ", path_.string(), ": cannot be written to: ", error.what());
    }
    std::filesystem::remove(path_ / ".write-test");
    std::filesystem::remove(path_ / "summary.json");
    for (const std::string& name : files_) std::filesystem::remove(path_ / name);
    std::filesystem::remove(path_ / "config.json");  // last: it identifies the other files
  }

  /// The config.json of an earlier run of `command`. @throws DataError if it is missing, damaged or another command's.
  static Json read_config(const std::filesystem::path& path, const std::string& command) {
    const std::filesystem::path file = path / "config.json";
    if (!std::filesystem::exists(file)) {
      throw DataError(path.string(), ": there is no config.json of an earlier `", command, "` here");
    }
    Json config = read_json(file);
    if (const auto found = require_value<std::string>(config, file, "command"); found != command) {
      throw io::bad_content(file, "command", '"' + command + '"', '"' + found + '"');
    }
    return config;
  }

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

  /// Whether this rank writes.
  bool writes() const { return writes_; }
  /// Calls `write(path)` on the rank that writes.
  template <class Write>
  void put(const std::string& name, const Write& write) const {
    if (writes_) write(path_ / name);
  }
  void write(const std::string& name, const std::string& text) const {
    put(name, [&](const std::filesystem::path& path) { io::write_atomically(path, text); });
  }
  void write_json(const std::string& name, const Json& json) const { write(name, json.dump(2) + "\n"); }
  /// Writes report.html from the current contents of the folder.
  void write_report() {
    put("report.html",
        [&](const std::filesystem::path& page) { io::write_atomically(page, report_page(std::span(&path_, 1))); });
    reported_ = std::chrono::steady_clock::now();
  }
  /// The same, but only every few seconds, so as not to slow down frequent evaluations.
  void refresh_report() {
    if (std::chrono::steady_clock::now() - reported_ >= std::chrono::seconds(5)) write_report();
  }
  void remove(const std::string& name) const {
    put(name, [](const std::filesystem::path& path) { std::filesystem::remove(path); });
  }

 private:
  OutputFolder(const char* option, std::filesystem::path path, const Communicator& ranks)
      : path_(std::move(path)), writes_(ranks.rank() == 0) {
    if (!writes_) return;
    require_writable_folder(option, path_);
    if (std::filesystem::exists(path_)) lock(option);
  }

  void lock(const char* option) {
    if (lock_) return;
    lock_ = std::make_shared<const Lock>(path_);
    if (!lock_->take()) {
      throw DataError(option, ' ', path_.string(), ": another process is writing there; wait until it ends");
    }
    io::remove_temporary_files(path_);
  }

  /// A folder's lock, released when the process ends for any reason. On a file system without locks it does nothing.
  class Lock {
   public:
    explicit Lock(const std::filesystem::path& path)
        : descriptor_(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {}
    Lock(const Lock&) = delete;
    Lock& operator=(const Lock&) = delete;
    ~Lock() {
      if (descriptor_ >= 0) ::close(descriptor_);
    }
    /// Acquires the lock; false if another process holds it.
    bool take() const {
      return descriptor_ < 0 || ::flock(descriptor_, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
    }

   private:
    int descriptor_;
  };

  std::filesystem::path path_;
  bool writes_;                       // true on the first rank
  std::vector<std::string> files_;    // of a new run
  std::shared_ptr<const Lock> lock_;  // shared by all copies
  std::chrono::steady_clock::time_point reported_;
};

}  // namespace hypertape::cli
