#pragma once

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "hypertape/core/error.hpp"
#include "hypertape/io/file.hpp"
#include "hypertape/io/input_file.hpp"

namespace hypertape::inline HYPERTAPE_ABI::io {

using hypertape::detail::concat;

/// Reads a file, or a part of one, from front to back and unpacks it on the fly if it is packed. Offsets count bytes of
/// the unpacked content. Memory use follows the data that is present, never a size that a header claims.
class UnpackingReader {
 public:
  /// How the bytes are packed.
  enum class Packing { none, gzip, zlib };

  /// Opens a file, gzipped or plain, as its first bytes tell, not its name.
  /// @throws DataError if it cannot be opened or is not a regular file.
  explicit UnpackingReader(const std::filesystem::path& path) : path_(path), file_(detail::open_input(path)) {
    size_ = left_ = detail::size_of(file_.get(), path_);
    std::array<std::uint8_t, 2> magic{};
    const std::size_t got = std::fread(magic.data(), 1, magic.size(), file_.get());
    if (std::ferror(file_.get()) != 0) throw detail::system_error(path_, "read");
    std::rewind(file_.get());
    if (got == magic.size() && magic == std::array<std::uint8_t, 2>{0x1f, 0x8b}) start(Packing::gzip);
  }

  /// Reads `size` bytes of an open file from its current position, which is byte `begin`. The file must hold that many.
  UnpackingReader(std::filesystem::path path, std::shared_ptr<std::FILE> file, std::uintmax_t begin,
                  std::uintmax_t size, Packing packing)
      : path_(std::move(path)), file_(std::move(file)), begin_(begin), size_(size), left_(size) {
    if (packing != Packing::none) start(packing);
  }

  /// The file's path.
  const std::filesystem::path& path() const { return path_; }
  /// Bytes read so far, after unpacking.
  std::uintmax_t offset() const { return offset_; }

  /// An offset as error messages give it: "byte 16", or "byte 16 of the unpacked content".
  std::string where(std::uintmax_t offset) const {
    if (packing_ == Packing::none) return concat("byte ", begin_ + offset);
    return concat("byte ", offset, " of the unpacked content", begin_ > 0 ? concat(" of byte ", begin_) : "");
  }

  /// Reads `count` bytes, or fewer if the content ends first. @throws DataError if reading or unpacking fails, or
  /// packed data unpacks to more than `most_unpacked`.
  std::vector<std::uint8_t> read(std::uintmax_t count) {
    constexpr std::uintmax_t first_piece = std::uintmax_t{1} << 20, largest_piece = std::uintmax_t{1} << 30;
    if (packing_ == Packing::none) count = (std::min)(count, left_);
    std::vector<std::uint8_t> bytes;
    if (packing_ == Packing::none) bytes.reserve(count);
    while (bytes.size() < count) {
      const std::size_t begin = bytes.size();
      const std::uintmax_t grown = (std::max<std::uintmax_t>)(first_piece, begin);
      const std::size_t piece = (std::min)({count - begin, grown, largest_piece});
      bytes.resize(begin + piece);
      const std::size_t got = read_piece(bytes.data() + begin, piece);
      bytes.resize(begin + got);
      if (got < piece) break;
    }
    return bytes;
  }

  /// Skips `count` bytes, or fewer if the content ends first. @throws as `read`.
  void skip(std::uintmax_t count) {
    constexpr std::uintmax_t piece = std::uintmax_t{1} << 16;
    while (count > 0) {
      const std::uintmax_t got = read((std::min)(count, piece)).size();
      count = got == 0 ? 0 : count - got;
    }
  }

 private:
  struct EndInflate {
    void operator()(z_stream* stream) const {
      inflateEnd(stream);
      delete stream;
    }
  };

  void start(Packing packing) {
    packing_ = packing;
    auto stream = std::make_unique<z_stream>();
    constexpr int window_bits = 15, as_gzip = 16;
    if (inflateInit2(stream.get(), window_bits + (packing == Packing::gzip ? as_gzip : 0)) != Z_OK) {
      throw DataError(path_.string() + ": no memory to unpack it");
    }
    stream_.reset(stream.release());
    packed_.resize(std::size_t{1} << 16);
  }

  std::size_t read_piece(std::uint8_t* out, std::size_t count) {
    const std::size_t got = packing_ == Packing::none ? read_plain(out, count) : unpack(out, count);
    offset_ += got;
    return got;
  }

  /// Reads bytes as they are in the file.
  std::size_t read_plain(std::uint8_t* out, std::size_t count) {
    const auto wanted = static_cast<std::size_t>(std::min<std::uintmax_t>(count, left_));
    const std::size_t got = std::fread(out, 1, wanted, file_.get());
    if (std::ferror(file_.get()) != 0) throw detail::system_error(path_, "read");
    left_ = got < wanted ? 0 : left_ - got;  // another process may have truncated the file
    return got;
  }

  std::size_t unpack(std::uint8_t* out, std::size_t count) {
    z_stream& stream = *stream_;
    const char* name = packing_ == Packing::gzip ? "gzip data" : "zlib data";
    stream.next_out = out;
    stream.avail_out = static_cast<uInt>(count);
    const auto unpacked = [&] { return count - stream.avail_out; };
    while (stream.avail_out > 0) {
      if (stream.avail_in == 0) {
        stream.next_in = packed_.data();
        stream.avail_in = static_cast<uInt>(read_plain(packed_.data(), packed_.size()));
      }
      if (ended_) {
        if (stream.avail_in == 0) break;
        if (packing_ == Packing::zlib)
          throw bad_content(path_, where(offset_), "the end of the zlib data", "more bytes");
        inflateReset(&stream);  // like gzip, continue with the next of several concatenated streams
        ended_ = false;
      }
      const int code = inflate(&stream, Z_NO_FLUSH);
      ended_ = code == Z_STREAM_END;
      if (code == Z_BUF_ERROR && stream.avail_in == 0 && left_ == 0) {
        throw bad_content(path_, where(offset_ + unpacked()), concat("more ", name), "the end of the file");
      }
      if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR) {
        throw bad_content(path_, where(offset_ + unpacked()), concat("valid ", name),
                          stream.msg != nullptr ? stream.msg : zError(code));
      }
      if (offset_ + unpacked() > most_unpacked(size_)) {
        throw bad_content(path_, where(offset_ + unpacked()),
                          concat("at most ", most_unpacked(size_), " bytes unpacked from ", size_), "more");
      }
    }
    return unpacked();
  }

  std::filesystem::path path_;
  std::shared_ptr<std::FILE> file_;
  std::uintmax_t begin_ = 0;   // offset of the part in the file
  std::uintmax_t size_ = 0;    // of the part, as stored
  std::uintmax_t left_ = 0;    // stored bytes not read yet
  std::uintmax_t offset_ = 0;  // in the unpacked content
  Packing packing_ = Packing::none;
  std::unique_ptr<z_stream, EndInflate> stream_;
  std::vector<Bytef> packed_;  // the piece of the file being unpacked
  bool ended_ = false;         // the current stream has ended; another may follow
};

}  // namespace hypertape::inline HYPERTAPE_ABI::io
