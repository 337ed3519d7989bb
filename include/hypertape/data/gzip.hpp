#pragma once

#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "hypertape/core/error.hpp"
#include "hypertape/core/shape.hpp"
#include "hypertape/data/file.hpp"

namespace hypertape::data {

/// A file read from front to back, unpacked on the fly if it is gzipped. Which of the two it is shows in its first
/// bytes, not in its name. Offsets count bytes of the unpacked content.
class GzipReader {
 public:
  /// @throws DataError if the file cannot be opened.
  explicit GzipReader(const std::filesystem::path& path) : path_(path) {
    errno = 0;
    file_.reset(gzopen(path.c_str(), "rb"));
    if (!file_) throw detail::system_error(path, "open");
    gzbuffer(file_.get(), 1u << 17);
  }

  /// The file's path.
  const std::filesystem::path& path() const { return path_; }
  /// Bytes read so far, after decompression.
  std::size_t offset() const { return offset_; }

  /// "byte 16", or "byte 16 of the unpacked content".
  std::string where(std::size_t offset) const {
    return message("byte ", offset, gzdirect(file_.get()) != 0 ? "" : " of the unpacked content");
  }

  /// Up to `count` bytes, fewer only where the content ends. Memory grows with what the file really holds, so a header
  /// that lies about sizes costs nothing. @throws DataError if reading or unpacking fails.
  std::vector<std::uint8_t> read(std::size_t count) {
    constexpr std::size_t first_piece = std::size_t{1} << 20;
    std::vector<std::uint8_t> bytes;
    while (bytes.size() < count) {
      const std::size_t begin = bytes.size();
      const std::size_t piece = (std::min)({count - begin, (std::max)(first_piece, begin), std::size_t{1} << 30});
      bytes.reserve(begin + piece);
      bytes.resize(begin + piece);
      const std::size_t got = read_piece(bytes.data() + begin, static_cast<unsigned>(piece));
      bytes.resize(begin + got);
      if (got < piece) break;
    }
    return bytes;
  }

 private:
  struct Close {
    void operator()(gzFile file) const { gzclose(file); }
  };

  std::size_t read_piece(std::uint8_t* out, unsigned count) {
    errno = 0;
    const int got = gzread(file_.get(), out, count);
    offset_ += static_cast<std::size_t>((std::max)(got, 0));
    int code = Z_OK;
    const char* reason = gzerror(file_.get(), &code);
    if (code == Z_ERRNO) throw detail::system_error(path_, "read");
    if (code == Z_BUF_ERROR) throw bad_content(path_, where(offset_), "more gzip data", "the end of the file");
    if (got < 0 || code < 0) throw bad_content(path_, where(offset_), "sound gzip data", reason);
    return static_cast<std::size_t>(got);
  }

  std::filesystem::path path_;
  std::unique_ptr<std::remove_pointer_t<gzFile>, Close> file_;
  std::size_t offset_ = 0;
};

}  // namespace hypertape::data
