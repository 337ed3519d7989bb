#pragma once

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

/// libFuzzer's own mutations. @returns the new size.
extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* bytes, std::size_t size, std::size_t most);

/// A mutation breaks the checksums of a PNG or a zip archive, and a reader looks no further. These put them right.
namespace hypertape::testing {

using MutableBytes = std::span<std::uint8_t>;

namespace detail {

/// The number that these bytes are, the least first.
inline std::size_t little_endian(MutableBytes bytes) {
  std::size_t value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) value = value << 8 | bytes[i];
  return value;
}

inline void put_little_endian(std::uint32_t value, MutableBytes bytes) {
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(value >> (8 * i));
}

inline std::uint32_t crc(MutableBytes bytes, std::uint32_t before = 0) {
  return static_cast<std::uint32_t>(crc32(before, bytes.data(), static_cast<uInt>(bytes.size())));
}

/// The checksum of what deflated bytes unpack to, as far as they do; of a bomb, of its first MiB.
inline std::uint32_t crc_of_deflated(MutableBytes packed) {
  z_stream stream{};
  constexpr int raw = -15;
  constexpr uLong most = uLong{1} << 20;
  if (inflateInit2(&stream, raw) != Z_OK) return 0;
  stream.next_in = packed.data();
  stream.avail_in = static_cast<uInt>(packed.size());
  std::array<std::uint8_t, 1 << 16> piece;
  std::uint32_t sum = 0;
  for (int code = Z_OK; code == Z_OK && stream.total_out < most;) {
    stream.next_out = piece.data();
    stream.avail_out = static_cast<uInt>(piece.size());
    code = inflate(&stream, Z_NO_FLUSH);
    sum = crc(MutableBytes(piece).first(piece.size() - stream.avail_out), sum);
  }
  inflateEnd(&stream);
  return sum;
}

}  // namespace detail

/// The checksums of the chunks of a PNG: after a signature of 8 bytes each is its length (4 bytes, the greatest first),
/// a type (4), content, and the checksum (4) of type and content.
inline void repair_png(MutableBytes bytes) {
  if (bytes.size() < 8) return;
  for (bytes = bytes.subspan(8); bytes.size() >= 12;) {
    std::size_t length = 0;
    for (std::size_t i = 0; i < 4; ++i) length = length << 8 | bytes[i];
    if (length > bytes.size() - 12) return;
    const std::uint32_t sum = detail::crc(bytes.subspan(4, 4 + length));
    const MutableBytes stored = bytes.subspan(8 + length, 4);
    detail::put_little_endian(sum, stored);
    std::reverse(stored.begin(), stored.end());
    bytes = bytes.subspan(12 + length);
  }
}

/// The checksums of a zip archive's entries, stored or deflated: each is in the directory at the archive's end, and
/// once more in front of the content.
inline void repair_zip(MutableBytes bytes) {
  constexpr std::size_t directory_size = 46, header_size = 30, deflated = 8;
  const auto begins = [](MutableBytes header, std::string_view signature) {
    return std::equal(signature.begin(), signature.end(), header.begin());
  };
  for (std::size_t at = 0; at + directory_size <= bytes.size(); ++at) {
    const MutableBytes entry = bytes.subspan(at, directory_size);
    if (!begins(entry, "PK\1\2")) continue;
    const std::size_t local = detail::little_endian(entry.subspan(42, 4));
    if (local > bytes.size() - header_size) continue;
    const MutableBytes header = bytes.subspan(local);
    if (!begins(header, "PK\3\4")) continue;
    const std::size_t begin =
        header_size + detail::little_endian(header.subspan(26, 2)) + detail::little_endian(header.subspan(28, 2));
    const std::size_t length = detail::little_endian(entry.subspan(20, 4));
    if (begin > header.size() || length > header.size() - begin) continue;
    const MutableBytes content = header.subspan(begin, length);
    const bool packed = detail::little_endian(entry.subspan(10, 2)) == deflated;
    const std::uint32_t sum = packed ? detail::crc_of_deflated(content) : detail::crc(content);
    detail::put_little_endian(sum, entry.subspan(16, 4));
    detail::put_little_endian(sum, header.subspan(14, 4));
  }
}

/// A mutation of libFuzzer's, repaired; one in eight is left as it is, for the readers' own checks. @returns the new
/// size.
template <class Repair>
std::size_t mutate(std::uint8_t* bytes, std::size_t size, std::size_t most, unsigned seed, const Repair& repair) {
  size = LLVMFuzzerMutate(bytes, size, most);
  if (seed % 8 != 0) repair(MutableBytes(bytes, size));
  return size;
}

}  // namespace hypertape::testing
