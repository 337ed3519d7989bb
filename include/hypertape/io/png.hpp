#pragma once

#include <png.h>
#include <sys/types.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "hypertape/core/error.hpp"
#include "hypertape/core/shape.hpp"
#include "hypertape/io/file.hpp"
#include "hypertape/io/input_file.hpp"
#include "hypertape/io/picture.hpp"

namespace hypertape::inline HYPERTAPE_ABI::io {

using hypertape::detail::concat;

/// Writes a PNG from rows of pixels of `channels` bytes each (1: gray, 3: red, green, blue). The file appears complete
/// or not at all. @throws ArgumentError if a size is out of range or their product is not the number of bytes;
/// DataError if the file cannot be written.
inline void write_png(const std::filesystem::path& path, Index width, Index height, Index channels,
                      std::span<const std::uint8_t> bytes) {
  constexpr Index largest = largest_picture_side;
  if (width < 1 || width > largest || height < 1 || height > largest || (channels != 1 && channels != 3) ||
      static_cast<Index>(bytes.size()) != width * height * channels) {
    throw ArgumentError("write_png: needs width and height in 1 .. ", largest, ", 1 or 3 channels and their ",
                        "product of bytes, got ", width, " x ", height, " x ", channels, " and ", bytes.size(),
                        " bytes");
  }
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(width);
  image.height = static_cast<png_uint_32>(height);
  image.format = channels == 1 ? png_uint_32{PNG_FORMAT_GRAY} : png_uint_32{PNG_FORMAT_RGB};
  std::vector<std::byte> file;
  png_alloc_size_t size = 0;  // of the packed picture: libpng reports it when called without a buffer
  for (int pass = 0; pass < 2; ++pass) {
    file.resize(size);
    if (png_image_write_to_memory(&image, pass == 0 ? nullptr : file.data(), &size, 0, bytes.data(), 0, nullptr) == 0) {
      throw DataError(path.string(), ": cannot pack the PNG: ", image.message);
    }
  }
  write_atomically(path, file);
}

namespace detail {

/// Checks what libpng does not: libpng allocates the memory that the header claims, and ignores everything after the
/// last pixel. A PNG is a signature of 8 bytes followed by chunks: length and type (4 bytes each), content, checksum (4
/// bytes). IHDR comes first, and the file ends with IEND.
inline void check_png_chunks(const std::filesystem::path& path, std::FILE* file) {
  constexpr std::uintmax_t signature = 8, around_content = 12, header_size = 13;
  constexpr std::uintmax_t most_from_a_byte = 1032;  // the most that deflate can unpack from one byte
  const std::uintmax_t size = size_of(file, path);
  const auto read = [&](std::uintmax_t at, std::span<std::uint8_t> bytes) {
    if (::fseeko(file, static_cast<off_t>(at), SEEK_SET) != 0) throw system_error(path, "read");
    return std::fread(bytes.data(), 1, bytes.size(), file) == bytes.size();
  };
  std::array<std::uint8_t, 8> tag{};
  if (!read(0, tag) || png_sig_cmp(tag.data(), 0, signature) != 0) {
    throw bad_content(path, "the header", "the signature of a PNG", "none");
  }
  const auto number = [](const std::uint8_t* bytes) { return std::uintmax_t{png_get_uint_32(bytes)}; };
  std::uintmax_t claimed = 0, packed = 0;  // bytes of pixels
  std::string_view type;
  std::uintmax_t at = signature;
  while (type != "IEND") {
    const bool whole = read(at, tag);
    const std::uintmax_t length = number(tag.data());
    if (!whole || size - at < around_content || length > size - at - around_content) {
      throw bad_content(path, concat("byte ", at),
                        whole ? concat("a chunk of ", around_content + length, " bytes") : "more chunks up to IEND",
                        concat("the end of the file after ", size - (std::min)(at, size)));
    }
    type = std::string_view(reinterpret_cast<const char*>(tag.data()) + 4, 4);
    if (at == signature) {
      std::array<std::uint8_t, header_size> header{};
      if (type != "IHDR" || length != header_size || !read(at + tag.size(), header)) {
        throw bad_content(path, concat("byte ", at), "the chunk IHDR of 13 bytes", "another");
      }
      constexpr std::array<std::uintmax_t, 7> samples = {1, 0, 3, 1, 2, 0, 4};  // per pixel, for each color type
      const std::uint8_t depth = header[8], color = header[9];
      const std::uintmax_t width = number(header.data()), height = number(header.data() + 4);
      check_picture_size(path, static_cast<Index>(width), static_cast<Index>(height));
      claimed = color < samples.size() ? height * ((width * samples[color] * depth + 7) / 8) : 0;
    }
    if (type == "IDAT") packed += length;
    at += around_content + length;
  }
  if (at != size) throw bad_content(path, concat("byte ", at), "the end of the file", concat(size - at, " bytes"));
  if (claimed > most_from_a_byte * packed) {
    throw bad_content(path, "the chunks IDAT", concat("what unpacks to ", claimed, " bytes"), concat(packed, " bytes"));
  }
  std::rewind(file);
}

struct FreePng {
  void operator()(png_image* image) const { png_image_free(image); }
};

}  // namespace detail

/// Reads a PNG of any kind as a picture of 1 channel if it is gray, 3 otherwise. Palettes become their colors, and
/// other depths are scaled to 8 bits. Transparent pixels are blended with white, in the stored (gamma-encoded) values.
/// A gAMA chunk other than sRGB's is undone. @throws DataError naming the file and libpng's reason, the picture's size
/// if it is too large or larger than its data can hold, or what is missing or left over at the end of the file.
inline Picture read_png(const std::filesystem::path& path) {
  const detail::InputFile file = detail::open_input(path);
  detail::check_png_chunks(path, file.get());
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  const std::unique_ptr<png_image, detail::FreePng> release(&image);
  const auto require_success = [&](int success, const char* where) {
    if (success == 0) throw bad_content(path, where, "valid PNG data", image.message);
  };
  require_success(png_image_begin_read_from_stdio(&image, file.get()), "the header");
  const bool alpha = (image.format & PNG_FORMAT_FLAG_ALPHA) != 0;
  Picture picture(image.width, image.height, (image.format & PNG_FORMAT_FLAG_COLOR) != 0 ? 3 : 1);
  image.format &= PNG_FORMAT_FLAG_COLOR | PNG_FORMAT_FLAG_ALPHA;  // and thereby 8 bits
  image.flags |= PNG_IMAGE_FLAG_16BIT_sRGB;                       // libpng would take 16 bits for linear light
  const Index channels = picture.channels(), samples = channels + (alpha ? 1 : 0);
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(picture.width() * picture.height() * samples));
  require_success(png_image_finish_read(&image, nullptr, bytes.data(), 0, nullptr), "the pixels");
  std::uint8_t* to = picture.row(0);
  for (auto pixel = bytes.begin(); pixel != bytes.end(); pixel += samples) {
    const int opacity = alpha ? pixel[channels] : 255;
    for (Index c = 0; c < channels; ++c) {
      *to++ = static_cast<std::uint8_t>((pixel[c] * opacity + 255 * (255 - opacity) + 127) / 255);
    }
  }
  return picture;
}

}  // namespace hypertape::inline HYPERTAPE_ABI::io
