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

namespace hypertape::data {

/// The most pixels along a side of a picture: beyond it, a picture is a mistake, and viewers fail.
inline constexpr Index largest_picture_side = 1 << 15;

/// How values become the 256 levels of a picture. Either is for the eye only: what is saved as data stays as it is.
enum class DisplayRange {
  /// Pixel 0 is black and pixel 255 white; what lies outside is cut off.
  pixels,
  /// The least value of each image is black and the greatest white, over all its channels together: distilled images
  /// leave the range of pixels, and cut off they would hide most of what they hold. A constant image is grey (128).
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
    if (!std::isfinite(level)) throw ArgumentError(message("picture: image ", n, " has a value of ", value));
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

/// A picture in memory, white at first, of 1 (grey) or 3 (red, green, blue) bytes a pixel, row by row. What is put
/// beyond its edges is cut off.
class Picture {
 public:
  /// @throws ArgumentError for sizes outside 1 .. 32,768 or another number of channels.
  Picture(Index width, Index height, Index channels) : width_(width), height_(height), channels_(channels) {
    constexpr Index largest = largest_picture_side;
    if (width < 1 || width > largest || height < 1 || height > largest || (channels != 1 && channels != 3)) {
      throw ArgumentError(message("picture: needs width and height in 1 .. ", largest, " and 1 or 3 channels, got ",
                                  width, " x ", height, " x ", channels));
    }
    bytes_.assign(static_cast<std::size_t>(width * height * channels), 255);
  }

  /// In pixels.
  Index width() const { return width_; }
  /// In pixels.
  Index height() const { return height_; }
  /// 1 for grey, 3 for red, green and blue.
  Index channels() const { return channels_; }
  /// Row-major (height, width, channels).
  const std::vector<std::uint8_t>& bytes() const { return bytes_; }
  /// The bytes of row y, to be filled.
  std::uint8_t* row(Index y) { return bytes_.data() + y * width_ * channels_; }

  /// Image n of a normalised batch (N, channels, H, W) with its top left corner at (left, top), each pixel a square of
  /// `scale` pixels. @throws ArgumentError if the batch or the normalization has other channels, there is no image n,
  /// the scale is below 1, or a value is not finite.
  template <class T>
  void put_image(const Tensor<T>& images, Index n, const Normalization& normalization, DisplayRange range, Index left,
                 Index top, Index scale = 1) {
    const Shape& shape = images.shape();
    const auto needed = static_cast<std::size_t>(channels_);
    if (shape.rank() != 4 || shape[1] != channels_ || normalization.mean.size() != needed ||
        normalization.std.size() != needed || n < 0 || n >= shape[0] || scale < 1) {
      throw ArgumentError(message("picture: of ", channels_, " channels cannot show image ", n, " of ", shape,
                                  " with a normalization of ", normalization.mean.size(), " channels at scale ",
                                  scale));
    }
    const detail::LevelMap levels = detail::image_levels(images, n, detail::pixel_levels(normalization), range);
    for (Index y = std::max<Index>(0, -top); y < shape[2] * scale && top + y < height_; ++y) {
      for (Index x = std::max<Index>(0, -left); x < shape[3] * scale && left + x < width_; ++x) {
        for (Index c = 0; c < channels_; ++c) {
          at(left + x, top + y, c) = levels(c, static_cast<double>(images(n, c, y / scale, x / scale)));
        }
      }
    }
  }

  /// A line of black text with its top left corner at (left, top), each character 6 x 9 squares of `scale` pixels.
  void put_text(std::string_view text, Index left, Index top, Index scale = 1) {
    for (Index y = 0; y < font_height * scale; ++y) {
      for (Index x = 0; x < static_cast<Index>(text.size()) * font_width * scale; ++x) {
        const Index column = x / scale;
        const char character = text[static_cast<std::size_t>(column / font_width)];
        const bool inside = left + x >= 0 && left + x < width_ && top + y >= 0 && top + y < height_;
        if (!inside || !has_ink(character, column % font_width, y / scale)) continue;
        for (Index c = 0; c < channels_; ++c) at(left + x, top + y, c) = 0;
      }
    }
  }

 private:
  std::uint8_t& at(Index x, Index y, Index channel) {
    return bytes_[static_cast<std::size_t>((y * width_ + x) * channels_ + channel)];
  }

  Index width_, height_, channels_;
  std::vector<std::uint8_t> bytes_;
};

}  // namespace hypertape::data
