#pragma once

#include <fcntl.h>
#include <fnmatch.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "hypertape/core/error.hpp"

namespace hypertape::inline HYPERTAPE_ABI::io {

using hypertape::detail::concat;

/// An error about the content of a file: "path: where: expected this, found that".
inline DataError bad_content(const std::filesystem::path& path, std::string_view where, std::string_view expected,
                             std::string_view found) {
  return DataError(path.string(), ": ", where, ": expected ", expected, ", found ", found);
}

namespace detail {

/// An error from errno: "path: cannot ACTION: the system's reason". Call it before anything else can change errno.
inline DataError system_error(const std::filesystem::path& path, std::string_view action) {
  const int code = errno;
  return DataError(path.string(), ": cannot ", action, ": ", std::strerror(code));
}

/// The type of what `path` leads to, `not_found` if nothing. @throws DataError if the system cannot tell, as when a
/// parent folder may not be searched.
inline std::filesystem::file_type type_of(const std::filesystem::path& path) {
  std::error_code failure;
  const auto type = std::filesystem::status(path, failure).type();
  if (type != std::filesystem::file_type::none) return type;
  throw DataError(path.string(), ": cannot look for it: ", failure.message());
}

/// A new file .NAME.PROCESS.SERIAL.tmp beside its target. `commit` renames it to the target; otherwise the destructor
/// removes it.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::filesystem::path& target) : target_(target) {
    static std::atomic<unsigned> serial{0};  // two threads may write at once
    do {
      path_ = target;
      path_.replace_filename(concat('.', target.filename().string(), '.', ::getpid(), '.', serial++, ".tmp"));
      descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    } while (descriptor_ < 0 && errno == EEXIST);
    if (descriptor_ < 0) throw system_error(target_, concat("create the temporary file ", path_.filename().string()));
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
    if (!committed_) ::unlink(path_.c_str());
  }

  void write(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) throw system_error(target_, "write");
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
  }

  void commit() {
    if (::fsync(descriptor_) != 0) throw system_error(target_, "flush to disk");
    const int closed = ::close(descriptor_);
    descriptor_ = -1;
    if (closed != 0) throw system_error(target_, "close");
    if (std::rename(path_.c_str(), target_.c_str()) != 0) throw system_error(target_, "rename the finished file");
    committed_ = true;
  }

 private:
  std::filesystem::path target_;
  std::filesystem::path path_;
  int descriptor_ = -1;
  bool committed_ = false;
};

}  // namespace detail

/// Removes the temporary files that a process left in a folder when it was killed during `write_atomically`. Nothing
/// else may be writing to that folder.
inline void remove_temporary_files(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> left;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::filesystem::path& path = entry.path();
    if (::fnmatch(".*.[0-9]*.[0-9]*.tmp", path.filename().c_str(), 0) == 0) left.push_back(path);
  }
  for (const std::filesystem::path& path : left) std::filesystem::remove(path);
}

/// Writes these bytes to a file atomically, replacing its content. Readers see the old content or the new, never a mix:
/// the bytes go to a temporary file in the same folder, are flushed to disk, and then the file is renamed. On failure
/// nothing is left behind. @throws DataError with the path and the system's reason.
inline void write_atomically(const std::filesystem::path& path, std::string_view bytes) {
  detail::TemporaryFile file(path);
  file.write(bytes);
  file.commit();
}

/// The same for `std::byte`.
inline void write_atomically(const std::filesystem::path& path, std::span<const std::byte> bytes) {
  write_atomically(path, std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

}  // namespace hypertape::inline HYPERTAPE_ABI::io
