#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "hypertape/core/error.hpp"
#include "hypertape/io/file.hpp"

namespace hypertape::inline HYPERTAPE_ABI::io {

/// The most bytes that packed data may unpack to: text and images gain a factor of ten, rarely twenty; what gains more
/// than fifty fills the memory and is no data set.
constexpr std::uintmax_t most_unpacked(std::uintmax_t packed) { return (std::uintmax_t{16} << 20) + 50 * packed; }

namespace detail {

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
/// An open file, which only one reader uses.
using InputFile = std::unique_ptr<std::FILE, CloseFile>;

/// What a file is that is none to read.
inline const char* describe_mode(mode_t mode) {
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISFIFO(mode)) return "a pipe";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

/// Opens a regular file; a pipe or a device would be waited for, or never end. @throws DataError with the reason.
inline InputFile open_input(const std::filesystem::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  InputFile file(descriptor < 0 ? nullptr : ::fdopen(descriptor, "rb"));
  struct stat status {};
  if (!file || ::fstat(descriptor, &status) != 0) throw system_error(path, "open");
  if (S_ISREG(status.st_mode)) return file;
  throw DataError(path.string(), ": cannot open: expected a regular file, found ", describe_mode(status.st_mode));
}

/// Bytes of an open file. @throws DataError with the system's reason.
inline std::uintmax_t size_of(std::FILE* file, const std::filesystem::path& path) {
  struct stat status {};
  if (::fstat(::fileno(file), &status) != 0) throw system_error(path, "ask for its size");
  return static_cast<std::uintmax_t>(status.st_size);
}

}  // namespace detail

}  // namespace hypertape::inline HYPERTAPE_ABI::io
