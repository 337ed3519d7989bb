#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "hypertape/core/error.hpp"
#include "hypertape/core/shape.hpp"
#include "hypertape/data/dataset.hpp"

namespace hypertape::inline HYPERTAPE_ABI::data {

/// Surrounds each image with `padding` rows and columns of zero bytes. @throws ArgumentError if padding is negative.
inline LabeledImages pad(const LabeledImages& images, Index padding) {
  check_sizes(images, "pad");
  if (padding < 0) throw ArgumentError("pad: the padding must not be negative, got ", padding);
  const Index height = images.height + 2 * padding, width = images.width + 2 * padding;
  LabeledImages padded{images.count, images.channels, height, width, images.classes, {}, images.labels};
  padded.pixels.resize(static_cast<std::size_t>(padded.count * padded.bytes_per_image()));
  for (Index plane = 0; plane < images.count * images.channels; ++plane) {
    for (Index y = 0; y < images.height; ++y) {
      const std::uint8_t* row = images.pixels.data() + (plane * images.height + y) * images.width;
      std::copy_n(row, images.width, padded.pixels.data() + (plane * height + y + padding) * width + padding);
    }
  }
  return padded;
}

/// Repeats the single channel of gray images as red, green and blue. @throws ArgumentError for another number of
/// channels.
inline LabeledImages gray_to_rgb(const LabeledImages& images) {
  check_sizes(images, "gray_to_rgb");
  if (images.channels != 1) {
    throw ArgumentError("gray_to_rgb: needs images of 1 channel, got ", images.channels);
  }
  LabeledImages rgb{images.count, 3, images.height, images.width, images.classes, {}, images.labels};
  rgb.pixels.reserve(3 * images.pixels.size());
  for (Index n = 0; n < images.count; ++n) {
    const std::uint8_t* plane = images.pixels.data() + n * images.bytes_per_image();
    for (int channel = 0; channel < 3; ++channel)
      rgb.pixels.insert(rgb.pixels.end(), plane, plane + images.bytes_per_image());
  }
  return rgb;
}

/// Whether all images have one channel, or three that are alike.
inline bool is_gray(const LabeledImages& images) {
  check_sizes(images, "is_gray");
  const Index plane = images.height * images.width;
  for (Index n = 0; n < images.count; ++n) {
    const auto first = images.pixels.begin() + n * images.bytes_per_image();
    for (Index c = 1; c < images.channels; ++c) {
      if (!std::equal(first, first + plane, first + c * plane)) return false;
    }
  }
  return true;
}

/// Converts color images to one channel, the luma of ITU-R BT.601: 0.299 R + 0.587 G + 0.114 B, rounded.
/// @throws ArgumentError unless there are 3 channels.
inline LabeledImages rgb_to_gray(const LabeledImages& images) {
  check_sizes(images, "rgb_to_gray");
  if (images.channels != 3) {
    throw ArgumentError("rgb_to_gray: needs images of 3 channels, got ", images.channels);
  }
  LabeledImages gray{images.count, 1, images.height, images.width, images.classes, {}, images.labels};
  gray.pixels.reserve(images.pixels.size() / 3);
  for (Index n = 0; n < images.count; ++n) {
    const std::uint8_t* red = images.pixels.data() + n * images.bytes_per_image();
    const std::uint8_t *green = red + gray.bytes_per_image(), *blue = green + gray.bytes_per_image();
    for (Index i = 0; i < gray.bytes_per_image(); ++i) {
      gray.pixels.push_back(static_cast<std::uint8_t>((299 * red[i] + 587 * green[i] + 114 * blue[i] + 500) / 1000));
    }
  }
  return gray;
}

}  // namespace hypertape::inline HYPERTAPE_ABI::data
