#pragma once

#include <png.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "hypertape/core/error.hpp"
#include "hypertape/core/shape.hpp"
#include "hypertape/core/tensor.hpp"
#include "hypertape/data/dataset.hpp"
#include "hypertape/data/file.hpp"

namespace hypertape::data {

/// How values become the 256 levels of a picture. Either is for the eye only: what is saved as data stays as it is.
enum class DisplayRange {
  /// Pixel 0 is black and pixel 255 white; what lies outside is cut off.
  pixels,
  /// The least value of each image is black and the greatest white, over all its channels together: distilled images
  /// leave the range of pixels, and cut off they would hide most of what they hold. A constant image is grey (128).
  stretch,
};

namespace detail {

/// The most pixels along a side of a picture: beyond it, a picture is a mistake, and viewers fail.
inline constexpr Index largest_side = 1 << 15;

}  // namespace detail

/// Writes rows of `channels` (1: grey, 3: red, green, blue) bytes a pixel as PNG. The file appears whole or not at all.
/// @throws ArgumentError if the sizes are not positive or do not give the number of bytes; DataError if the file
/// cannot be written.
inline void write_png(const std::filesystem::path& path, Index width, Index height, Index channels,
                      std::span<const std::uint8_t> bytes) {
  constexpr Index largest = detail::largest_side;
  if (width < 1 || width > largest || height < 1 || height > largest || (channels != 1 && channels != 3) ||
      static_cast<Index>(bytes.size()) != width * height * channels) {
    throw ArgumentError(message("write_png: needs width and height in 1 .. ", largest, ", 1 or 3 channels and their ",
                                "product of bytes, got ", width, " x ", height, " x ", channels, " and ", bytes.size(),
                                " bytes"));
  }
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(width);
  image.height = static_cast<png_uint_32>(height);
  image.format = channels == 1 ? png_uint_32{PNG_FORMAT_GRAY} : png_uint_32{PNG_FORMAT_RGB};
  std::vector<std::byte> file;
  png_alloc_size_t size = 0;  // of the packed picture, which libpng tells when it is given no memory
  for (int pass = 0; pass < 2; ++pass) {
    file.resize(size);
    if (png_image_write_to_memory(&image, pass == 0 ? nullptr : file.data(), &size, 0, bytes.data(), 0, nullptr) == 0) {
      throw DataError(message(path.string(), ": cannot pack the PNG: ", image.message));
    }
  }
  write_atomically(path, file);
}

namespace detail {

inline constexpr Index grid_gap = 2;

/// Pixels along a side of a grid. @throws ArgumentError if a picture may not have so many.
inline Index grid_extent(Index cells, Index cell, Index scale) {
  const double scaled = static_cast<double>(cell) * static_cast<double>(scale);  // may overflow an Index
  const double extent = static_cast<double>(cells) * (scaled + grid_gap) - grid_gap;
  if (extent <= static_cast<double>(largest_side)) return cells * (cell * scale + grid_gap) - grid_gap;
  throw ArgumentError(message("write_image_grid: ", cells, " images of ", cell, " pixels at scale ", scale,
                              " side by side need ", extent, " pixels, the most is ", largest_side));
}

/// value -> level: level = clip(offset + factor * value), one pair for each channel.
struct LevelMap {
  std::vector<double> factor;
  std::vector<double> offset;

  std::uint8_t operator()(Index channel, double value) const {
    const auto c = static_cast<std::size_t>(channel);
    return static_cast<std::uint8_t>(std::clamp(factor[c] * value + offset[c], 0., 255.) + .5);
  }
};

/// Undoes the normalization: pixel = 255 (std value + mean).
inline LevelMap pixel_levels(const Normalization& normalization) {
  LevelMap map;
  for (const float std : normalization.std) map.factor.push_back(255. * double{std});
  for (const float mean : normalization.mean) map.offset.push_back(255. * double{mean});
  return map;
}

/// The levels of image n: as `pixels`, and stretched to 0 .. 255 if so chosen.
template <class T>
LevelMap image_levels(const Tensor<T>& images, Index n, LevelMap pixels, DisplayRange range) {
  const Shape& shape = images.shape();
  const Index plane = shape[2] * shape[3];
  double low = std::numeric_limits<double>::max();
  double high = std::numeric_limits<double>::lowest();
  for (Index feature = 0; feature < shape.stride(); ++feature) {
    const auto channel = static_cast<std::size_t>(feature / plane);
    const auto value = static_cast<double>(images[n + shape[0] * feature]);
    const double level = pixels.factor[channel] * value + pixels.offset[channel];
    if (!std::isfinite(level)) throw ArgumentError(message("write_image_grid: image ", n, " has a value of ", value));
    low = std::min(low, level);
    high = std::max(high, level);
  }
  if (range == DisplayRange::pixels) return pixels;
  const double stretch = high > low ? 255 / (high - low) : 0;
  for (double& factor : pixels.factor) factor *= stretch;
  for (double& offset : pixels.offset) offset = high > low ? (offset - low) * stretch : 128;
  return pixels;
}

/// A white picture into which images are put.
struct Picture {
  Index width;
  Index height;
  Index channels;
  std::vector<std::uint8_t> bytes;

  Picture(Index columns, Index rows, Index depth)
      : width(columns), height(rows), channels(depth), bytes(static_cast<std::size_t>(columns * rows * depth), 255) {}

  /// Image n with its top left corner at (left, top), each pixel a square of `scale` pixels.
  template <class T>
  void put(const Tensor<T>& images, Index n, const LevelMap& levels, Index left, Index top, Index scale) {
    const Shape& shape = images.shape();
    for (Index y = 0; y < shape[2] * scale; ++y) {
      for (Index x = 0; x < shape[3] * scale; ++x) {
        const Index pixel = (top + y) * width + left + x;
        for (Index c = 0; c < channels; ++c) {
          bytes[static_cast<std::size_t>(pixel * channels + c)] =
              levels(c, static_cast<double>(images(n, c, y / scale, x / scale)));
        }
      }
    }
  }
};

}  // namespace detail

/// Writes a batch (n, 1 or 3, height, width) of normalised images as one PNG: row by row, `columns` images a row, white
/// gaps of 2 pixels, each image's pixel a square of `scale` pixels.
/// @throws ArgumentError for another number of channels, a normalization of other channels, columns or scale below 1,
/// a picture wider or higher than 32,768 pixels, or a value that is not finite; DataError if the file cannot be
/// written.
template <class T>
void write_image_grid(const std::filesystem::path& path, const Tensor<T>& images, const Normalization& normalization,
                      Index columns, Index scale = 1, DisplayRange range = DisplayRange::pixels) {
  const Shape& shape = images.shape();
  const auto channels = static_cast<std::size_t>(shape[1]);
  if (shape.rank() != 4 || (channels != 1 && channels != 3) || normalization.mean.size() != channels ||
      normalization.std.size() != channels || columns < 1 || scale < 1) {
    throw ArgumentError(message("write_image_grid: needs images (n, 1 or 3, height, width), a normalization of their ",
                                "channels and positive columns and scale, got ", shape, ", ", normalization.mean.size(),
                                " channels, ", columns, " columns and scale ", scale));
  }
  columns = std::min(columns, shape[0]);
  const Index rows = (shape[0] + columns - 1) / columns;
  detail::Picture picture(detail::grid_extent(columns, shape[3], scale), detail::grid_extent(rows, shape[2], scale),
                          shape[1]);
  const detail::LevelMap pixels = detail::pixel_levels(normalization);
  for (Index n = 0; n < shape[0]; ++n) {
    const detail::LevelMap levels = detail::image_levels(images, n, pixels, range);
    const Index left = n % columns * (shape[3] * scale + detail::grid_gap);
    const Index top = n / columns * (shape[2] * scale + detail::grid_gap);
    picture.put(images, n, levels, left, top, scale);
  }
  write_png(path, picture.width, picture.height, picture.channels, picture.bytes);
}

}  // namespace hypertape::data
