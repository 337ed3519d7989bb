#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iomanip>
#include <limits>
#include <span>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "hypertape/core/error.hpp"
#include "hypertape/core/shape.hpp"
#include "hypertape/io/file.hpp"
#include "hypertape/io/unpacking_reader.hpp"

namespace hypertape::inline HYPERTAPE_ABI::io {

using hypertape::detail::concat;

/// The content of an IDX file of unsigned bytes, the format of MNIST. All numbers in its header are big-endian:
///
///     byte 0          magic number 0x000008rr, where rr is the number of dimensions
///     byte 4          one 32-bit size for each dimension
///     byte 4 + 4 rr   the payload, last dimension fastest
struct IdxArray {
  std::vector<Index> dims;          ///< extents, slowest first
  std::vector<std::uint8_t> bytes;  ///< row-major
};

inline constexpr std::uint32_t idx_images_magic = 0x00000803;  ///< magic number of images: bytes, three dimensions
inline constexpr std::uint32_t idx_labels_magic = 0x00000801;  ///< magic number of labels: bytes, one dimension

namespace detail {

/// The magic number as error messages show it: "0x00000803 (images)".
inline std::string describe_magic(std::uint32_t magic) {
  std::ostringstream text = hypertape::detail::plain_stream();
  text << "0x" << std::hex << std::setw(8) << std::setfill('0') << magic;
  if (magic == idx_images_magic) text << " (images)";
  if (magic == idx_labels_magic) text << " (labels)";
  return text.str();
}

inline std::uint32_t read_big_endian(UnpackingReader& file, const std::string& meaning) {
  const std::uintmax_t offset = file.offset();
  const std::vector<std::uint8_t> bytes = file.read(4);
  if (bytes.size() < 4) {
    throw bad_content(file.path(), file.where(offset), meaning + " (4 bytes)", concat(bytes.size(), " bytes"));
  }
  std::uint32_t value = 0;
  for (const std::uint8_t byte : bytes) value = (value << 8) | byte;
  return value;
}

inline std::uint32_t read_idx_magic(UnpackingReader& file) {
  const std::uint32_t magic = read_big_endian(file, "the magic number of an IDX file");
  if ((magic & 0xFFFFFF00u) != 0x00000800u || (magic & 0xFFu) == 0) {
    throw bad_content(file.path(), file.where(0), "the magic number 0x000008rr of an IDX file of bytes",
                      describe_magic(magic));
  }
  return magic;
}

inline std::vector<Index> read_idx_dims(UnpackingReader& file, std::size_t rank) {
  std::vector<Index> dims;
  Index product = 1;
  for (std::size_t axis = 0; axis < rank; ++axis) {
    const std::uintmax_t offset = file.offset();
    const auto size = static_cast<Index>(read_big_endian(file, concat("the size of dimension ", axis)));
    if (size == 0) {
      throw bad_content(file.path(), file.where(offset), concat("a size of dimension ", axis, " of at least 1"), "0");
    }
    if (product > (std::numeric_limits<Index>::max)() / size) {
      throw bad_content(file.path(), file.where(offset), "sizes whose product fits in 63 bits",
                        concat("dimension ", axis, " of ", size, " after a product of ", product));
    }
    product *= size;
    dims.push_back(size);
  }
  return dims;
}

/// Reads the payload, which must extend exactly to the end of the file.
inline std::vector<std::uint8_t> read_idx_payload(UnpackingReader& file, const std::vector<Index>& dims) {
  std::size_t expected = 1;
  for (const Index size : dims) expected *= static_cast<std::size_t>(size);
  const std::uintmax_t begin = file.offset();
  std::vector<std::uint8_t> bytes = file.read(expected);
  if (bytes.size() < expected) {
    throw bad_content(file.path(), file.where(file.offset()), concat(expected, " bytes of payload from byte ", begin),
                      concat("the end of the file after ", bytes.size()));
  }
  if (!file.read(1).empty()) {
    throw bad_content(file.path(), file.where(begin + expected), "the end of the file", "more bytes");
  }
  return bytes;
}

/// Reads everything after the magic number.
inline IdxArray read_idx_body(UnpackingReader& file, std::uint32_t magic) {
  std::vector<Index> dims = read_idx_dims(file, magic & 0xFFu);
  std::vector<std::uint8_t> bytes = read_idx_payload(file, dims);
  return {std::move(dims), std::move(bytes)};
}

inline IdxArray read_idx_of_kind(const std::filesystem::path& path, std::uint32_t expected) {
  UnpackingReader file(path);
  const std::string meaning = "the magic number " + describe_magic(expected);
  const std::uint32_t magic = read_big_endian(file, meaning);
  if (magic != expected) throw bad_content(path, file.where(0), meaning, describe_magic(magic));
  return read_idx_body(file, magic);
}

inline void append_big_endian(std::string& bytes, std::uint32_t value) {
  for (const int shift : {24, 16, 8, 0}) bytes.push_back(static_cast<char>((value >> shift) & 0xFFu));
}

}  // namespace detail

/// Reads an IDX file of unsigned bytes of any rank, plain or gzipped. @throws DataError with the path, the byte offset,
/// what was expected and what was found if anything about the file is wrong.
inline IdxArray read_idx(const std::filesystem::path& path) {
  UnpackingReader file(path);
  return detail::read_idx_body(file, detail::read_idx_magic(file));
}

/// Like `read_idx`, but accepts images only: dims are (count, rows, columns).
inline IdxArray read_idx_images(const std::filesystem::path& path) {
  return detail::read_idx_of_kind(path, idx_images_magic);
}

/// Like `read_idx`, but accepts labels only: dims are (count).
inline IdxArray read_idx_labels(const std::filesystem::path& path) {
  return detail::read_idx_of_kind(path, idx_labels_magic);
}

/// Writes a plain (not gzipped) IDX file. @throws ArgumentError unless there are 1 to 255 sizes, each in 1 .. 2^32 - 1,
/// whose product is the number of bytes; DataError if the file cannot be written.
inline void write_idx(const std::filesystem::path& path, std::span<const Index> dims,
                      std::span<const std::uint8_t> bytes) {
  if (dims.empty() || dims.size() > 255) {
    throw ArgumentError("write_idx: an IDX file has 1 to 255 dimensions, got ", dims.size());
  }
  std::string content;
  detail::append_big_endian(content, 0x00000800u | static_cast<std::uint32_t>(dims.size()));
  std::size_t remaining = bytes.size();  // divided by each size in turn: unlike a product, it cannot overflow
  for (const Index size : dims) {
    if (size < 1 || size > Index{0xFFFFFFFF}) {
      throw ArgumentError("write_idx: a size must be in 1 .. 2^32 - 1, got ", size);
    }
    remaining = remaining % static_cast<std::size_t>(size) == 0 ? remaining / static_cast<std::size_t>(size) : 0;
    detail::append_big_endian(content, static_cast<std::uint32_t>(size));
  }
  if (remaining != 1) {
    throw ArgumentError("write_idx: the product of the sizes is not the number of bytes, ", bytes.size());
  }
  content.append(bytes.begin(), bytes.end());
  write_atomically(path, content);
}

}  // namespace hypertape::inline HYPERTAPE_ABI::io
