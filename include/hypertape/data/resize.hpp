#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <vector>

#include "hypertape/core/error.hpp"
#include "hypertape/core/shape.hpp"
#include "hypertape/data/dataset.hpp"

namespace hypertape::inline HYPERTAPE_ABI::data {

namespace detail {

/// The cubic convolution kernel of Keys (1981) with a = -1/2: 1 at 0, and 0 at every other integer.
inline double cubic_kernel(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return a * (((x - 5) * x + 8) * x - 4);
  return 0;
}

/// The part of a line resized to `to` pixels that is needed: `count` pixels from `begin` on.
struct ResizedLine {
  Index to, begin, count;
};

/// The pixels that a pixel of a resized line is a weighted sum of.
struct WeightedPixels {
  Index first;
  std::vector<double> weights;
};

/// How to resize a line of `from` pixels. Pixel i is the interval [i, i + 1), and pixel `out` of the result is a
/// weighted sum of the pixels around (out + 1/2) from / to. To shrink, the kernel is widened by the same factor, so
/// that every pixel counts. Weights are scaled to sum to 1, as part of the kernel may lie outside of the image.
inline std::vector<WeightedPixels> cubic_weights(Index from, const ResizedLine& line) {
  const double scale = static_cast<double>(from) / static_cast<double>(line.to);
  const double widening = (std::max)(scale, 1.);
  std::vector<WeightedPixels> result;
  for (Index out = 0; out < line.count; ++out) {
    const double center = (static_cast<double>(line.begin + out) + 0.5) * scale, reach = 2 * widening;
    const auto pixel = [&](double at) { return std::clamp(static_cast<Index>(std::floor(at)), Index{0}, from - 1); };
    WeightedPixels& pixels = result.emplace_back(WeightedPixels{pixel(center - reach), {}});
    double sum = 0;
    for (Index in = pixels.first; in <= pixel(center + reach); ++in) {
      sum += pixels.weights.emplace_back(cubic_kernel((static_cast<double>(in) + 0.5 - center) / widening));
    }
    for (double& weight : pixels.weights) weight /= sum;
  }
  return result;
}

/// Resizes images and keeps a part of the result.
inline LabeledImages resize_part(const LabeledImages& images, const ResizedLine& vertical,
                                 const ResizedLine& horizontal) {
  LabeledImages resized{images.count, images.channels, vertical.count, horizontal.count, images.classes,
                        {},           images.labels};
  resized.pixels.reserve(static_cast<std::size_t>(resized.count * resized.bytes_per_image()));
  const std::vector<WeightedPixels> rows = cubic_weights(images.height, vertical);
  const std::vector<WeightedPixels> columns = cubic_weights(images.width, horizontal);
  const std::uint8_t* plane = images.pixels.data();
  std::vector<double> line(static_cast<std::size_t>(images.width));
  for (Index i = 0; i < images.count * images.channels; ++i, plane += images.height * images.width) {
    for (const WeightedPixels& row : rows) {
      std::fill(line.begin(), line.end(), 0.);
      const std::uint8_t* from = plane + row.first * images.width;
      for (const double weight : row.weights) {
        for (double& value : line) value += weight * static_cast<double>(*from++);
      }
      for (const WeightedPixels& column : columns) {
        const double level =
            std::inner_product(column.weights.begin(), column.weights.end(), line.begin() + column.first, 0.);
        resized.pixels.push_back(static_cast<std::uint8_t>(std::clamp(level, 0., 255.) + 0.5));
      }
    }
  }
  return resized;
}

}  // namespace detail

/// Resizes images by bicubic interpolation of each channel: Keys' kernel with a = -1/2, widened to shrink, as in PIL's
/// BICUBIC. The result is rounded to bytes once, after both directions, and clamped to 0 .. 255. Resizing to the same
/// size changes no byte. @throws ArgumentError if an extent is below 1.
inline LabeledImages resize(const LabeledImages& images, Index height, Index width) {
  check_sizes(images, "resize");
  if (height < 1 || width < 1) {
    throw ArgumentError("resize: needs a size of at least 1 x 1, got ", height, " x ", width);
  }
  return detail::resize_part(images, {height, 0, height}, {width, 0, width});
}

/// Resizes the shorter side of images to `shorter` pixels, the other in proportion (rounded down), and keeps the `size`
/// x `size` pixels in the center. If these cannot be centered exactly, they are half a pixel nearer to the top or left.
/// Interpolates as `resize`. @throws ArgumentError unless 1 <= size <= shorter.
inline LabeledImages resize_and_crop(const LabeledImages& images, Index shorter, Index size) {
  check_sizes(images, "resize_and_crop");
  if (size < 1 || size > shorter) {
    throw ArgumentError("resize_and_crop: cannot cut ", size, " x ", size, " pixels out of ", shorter);
  }
  const Index least = (std::min)(images.height, images.width);
  const auto line = [&](Index from) {
    const Index to = shorter * from / least;
    return detail::ResizedLine{to, (to - size) / 2, size};
  };
  return detail::resize_part(images, line(images.height), line(images.width));
}

/// Resizes all images of a dataset, and recomputes the normalization from the resized training images. A dataset of
/// this size already is returned unchanged. @throws as `resize` for images; as `compute_normalization`.
inline Dataset resize(Dataset dataset, Index height, Index width) {
  if (dataset.train.height == height && dataset.train.width == width) return dataset;
  dataset.train = resize(dataset.train, height, width);
  if (dataset.test.count > 0) dataset.test = resize(dataset.test, height, width);
  dataset.normalization = compute_normalization(dataset.train);
  return dataset;
}

}  // namespace hypertape::inline HYPERTAPE_ABI::data
