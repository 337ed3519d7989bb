#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

#include "hypertape/core/error.hpp"
#include "hypertape/core/shape.hpp"
#include "hypertape/core/tensor.hpp"
#include "hypertape/data/bitmap_font.hpp"
#include "hypertape/data/dataset.hpp"
#include "hypertape/io/picture.hpp"
#include "hypertape/io/png.hpp"

namespace hypertape::data {

/// How values become the 256 levels of a picture. Either is for the eye only: what is saved as data stays as it is.
enum class DisplayRange {
  /// Pixel 0 is black and pixel 255 white; what lies outside is cut off.
  pixels,
  /// The least value of each image is black and the greatest white, over all its channels together: distilled images
  /// leave the range of pixels, and cut off they would hide most of what they hold. A constant image is gray (128).
  stretch,
};

namespace detail {

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
  double low = (std::numeric_limits<double>::max)();
  double high = std::numeric_limits<double>::lowest();
  for (Index feature = 0; feature < shape.features(); ++feature) {
    const auto channel = static_cast<std::size_t>(feature / plane);
    const auto value = static_cast<double>(images[n + shape[0] * feature]);
    const double level = pixels.factor[channel] * value + pixels.offset[channel];
    if (!std::isfinite(level)) throw ArgumentError("picture: image ", n, " has a value of ", value);
    low = (std::min)(low, level);
    high = (std::max)(high, level);
  }
  if (range == DisplayRange::pixels) return pixels;
  const double stretch = high > low ? 255 / (high - low) : 0;
  for (double& factor : pixels.factor) factor *= stretch;
  for (double& offset : pixels.offset) offset = high > low ? (offset - low) * stretch : 128;
  return pixels;
}

}  // namespace detail

/// Image n of a normalized batch (N, channels, H, W) with its top left corner at (left, top), each pixel a square of
/// `scale` pixels. @throws ArgumentError if the batch or the normalization has other channels, there is no image n,
/// the scale is below 1, or a value is not finite.
template <class T>
void put_image(io::Picture& picture, const Tensor<T>& images, Index n, const Normalization& normalization,
               DisplayRange range, Index left, Index top, Index scale = 1) {
  const Shape& shape = images.shape();
  const auto needed = static_cast<std::size_t>(picture.channels());
  if (shape.rank() != 4 || shape[1] != picture.channels() || normalization.mean.size() != needed ||
      normalization.std.size() != needed || n < 0 || n >= shape[0] || scale < 1) {
    throw ArgumentError("picture: of ", picture.channels(), " channels cannot show image ", n, " of ", shape,
                        " with a normalization of ", normalization.mean.size(), " channels at scale ", scale);
  }
  const detail::LevelMap levels = detail::image_levels(images, n, detail::pixel_levels(normalization), range);
  for (Index y = std::max<Index>(0, -top); y < shape[2] * scale && top + y < picture.height(); ++y) {
    for (Index x = std::max<Index>(0, -left); x < shape[3] * scale && left + x < picture.width(); ++x) {
      for (Index c = 0; c < picture.channels(); ++c) {
        picture.row(top + y)[(left + x) * picture.channels() + c] =
            levels(c, static_cast<double>(images(n, c, y / scale, x / scale)));
      }
    }
  }
}

/// A line of black text with its top left corner at (left, top), each character 6 x 9 squares of `scale` pixels.
inline void put_text(io::Picture& picture, std::string_view text, Index left, Index top, Index scale = 1) {
  for (Index y = 0; y < font_height * scale; ++y) {
    for (Index x = 0; x < static_cast<Index>(text.size()) * font_width * scale; ++x) {
      const Index column = x / scale;
      const char character = text[static_cast<std::size_t>(column / font_width)];
      const bool inside = left + x >= 0 && left + x < picture.width() && top + y >= 0 && top + y < picture.height();
      if (!inside || !has_ink(character, column % font_width, y / scale)) continue;
      for (Index c = 0; c < picture.channels(); ++c) picture.row(top + y)[(left + x) * picture.channels() + c] = 0;
    }
  }
}

namespace detail {

inline constexpr Index grid_gap = 2;

/// Pixels along a side of a grid. @throws ArgumentError if a picture may not have so many.
inline Index grid_extent(Index cells, Index cell, Index scale) {
  const double scaled = static_cast<double>(cell) * static_cast<double>(scale);  // may overflow an Index
  const double extent = static_cast<double>(cells) * (scaled + grid_gap) - grid_gap;
  if (extent <= static_cast<double>(io::largest_picture_side)) return cells * (cell * scale + grid_gap) - grid_gap;
  throw ArgumentError("write_image_grid: ", cells, " images of ", cell, " pixels at scale ", scale,
                      " side by side need ", extent, " pixels, the most is ", io::largest_picture_side);
}

}  // namespace detail

/// Writes a batch (n, 1 or 3, height, width) of normalized images as one PNG: row by row, `columns` images a row, white
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
    throw ArgumentError("write_image_grid: needs images (n, 1 or 3, height, width), a normalization of their ",
                        "channels and positive columns and scale, got ", shape, ", ", normalization.mean.size(),
                        " channels, ", columns, " columns and scale ", scale);
  }
  columns = (std::min)(columns, shape[0]);
  const Index rows = (shape[0] + columns - 1) / columns;
  io::Picture picture(detail::grid_extent(columns, shape[3], scale), detail::grid_extent(rows, shape[2], scale),
                      shape[1]);
  for (Index n = 0; n < shape[0]; ++n) {
    const Index left = n % columns * (shape[3] * scale + detail::grid_gap);
    const Index top = n / columns * (shape[2] * scale + detail::grid_gap);
    put_image(picture, images, n, normalization, range, left, top, scale);
  }
  io::write_png(path, picture);
}

}  // namespace hypertape::data
