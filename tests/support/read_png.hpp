#pragma once

#include <doctest/doctest.h>
#include <png.h>

#include <cstdint>
#include <filesystem>
#include <vector>

#include "hypertape/core/shape.hpp"

namespace hypertape::testing {

using Bytes = std::vector<std::uint8_t>;

struct Pixels {
  Index width = 0;
  Index height = 0;
  Bytes bytes;
};

/// Reads a PNG with libpng, as gray or as red, green, blue.
inline Pixels read_png(const std::filesystem::path& path, Index channels) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  REQUIRE(png_image_begin_read_from_file(&image, path.c_str()) != 0);
  CHECK((image.format & PNG_FORMAT_FLAG_COLOR) == (channels == 3 ? PNG_FORMAT_FLAG_COLOR : 0));
  image.format = channels == 1 ? png_uint_32{PNG_FORMAT_GRAY} : png_uint_32{PNG_FORMAT_RGB};
  Pixels pixels{image.width, image.height, Bytes(image.width * image.height * static_cast<std::size_t>(channels))};
  REQUIRE(png_image_finish_read(&image, nullptr, pixels.bytes.data(), 0, nullptr) != 0);
  return pixels;
}

}  // namespace hypertape::testing
