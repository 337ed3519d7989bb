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

/// The most bytes that packed data may unpack to. Text and images compress ten times, rarely twenty; data that expands
/// more than fifty times would fill the memory and is no dataset.
constexpr std::uintmax_t most_unpacked(std::uintmax_t packed) { return (std::uintmax_t{16} << 20) + 50 * packed; }

namespace detail {

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
/// An open file, owned by one reader.
using InputFile = std::unique_ptr<std::FILE, CloseFile>;

/// What kind of file this is, other than a regular one.
inline const char* describe_mode(mode_t mode) {
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISFIFO(mode)) return "a pipe";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

/// Opens a regular file. Pipes and devices are refused: reading one may block, or never end. @throws DataError with the
/// reason.
inline InputFile open_input(const std::filesystem::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  InputFile file(descriptor < 0 ? nullptr : ::fdopen(descriptor, "rb"));
  struct stat status {};
  if (!file || ::fstat(descriptor, &status) != 0) throw system_error(path, "open");
  if (S_ISREG(status.st_mode)) return file;
  throw DataError(path.string(), ": cannot open: expected a regular file, found ", describe_mode(status.st_mode));
}

/// The size of an open file in bytes. @throws DataError with the system's reason.
inline std::uintmax_t size_of(std::FILE* file, const std::filesystem::path& path) {
  struct stat status {};
  if (::fstat(::fileno(file), &status) != 0) throw system_error(path, "get its size");
  return static_cast<std::uintmax_t>(status.st_size);
}

}  // namespace detail

}  // namespace hypertape::inline HYPERTAPE_ABI::io
