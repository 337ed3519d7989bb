#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "hypertape/core/error.hpp"
#include "hypertape/core/shape.hpp"
#include "hypertape/data/dataset.hpp"

namespace hypertape::inline HYPERTAPE_ABI::data {

namespace detail {

/// The cubic convolution kernel of Keys (1981) with a = -1/2: 1 at 0, and 0 at every other whole number.
inline double cubic_kernel(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return a * (((x - 5) * x + 8) * x - 4);
  return 0;
}

/// What is wanted of a line that is resized to `to` pixels: `count` of them from `begin` on.
struct ResizedLine {
  Index to, begin, count;
};

/// The matrix (count, from) that resizes a line. Pixel i is the interval [i, i + 1); pixel `out` of the result is the
/// sum of the pixels around its center (out + 1/2) from / to. Where it shrinks, the kernel is as much wider, so that
/// every pixel counts. The weights are scaled to the sum 1, for at the borders a part of the kernel lies outside.
inline Eigen::MatrixXd cubic_weights(Index from, const ResizedLine& line) {
  const double scale = static_cast<double>(from) / static_cast<double>(line.to);
  const double widening = (std::max)(scale, 1.);
  Eigen::MatrixXd weights(line.count, from);
  for (Index out = 0; out < line.count; ++out) {
    const double center = (static_cast<double>(line.begin + out) + 0.5) * scale;
    for (Index in = 0; in < from; ++in) {
      weights(out, in) = cubic_kernel((static_cast<double>(in) + 0.5 - center) / widening);
    }
    weights.row(out) /= weights.row(out).sum();
  }
  return weights;
}

/// The images resized, and a part of that.
inline LabeledImages resize_part(const LabeledImages& images, const ResizedLine& vertical,
                                 const ResizedLine& horizontal) {
  using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  using Bytes = Eigen::Matrix<std::uint8_t, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  constexpr Index block = 1024;
  const Index height = vertical.count, width = horizontal.count;
  LabeledImages resized{images.count, images.channels, height, width, images.classes, {}, images.labels};
  resized.pixels.resize(static_cast<std::size_t>(resized.count * resized.bytes_per_image()));
  const Eigen::MatrixXd rows = cubic_weights(images.height, vertical);
  const Eigen::MatrixXd columns = cubic_weights(images.width, horizontal).transpose();
  for (Index plane = 0; plane < images.count * images.channels; ++plane) {
    const Eigen::Map<const Bytes> from(images.pixels.data() + plane * images.height * images.width, images.height,
                                       images.width);
    Matrix lines(height, images.width);
    for (Index x = 0; x < images.width; x += block) {  // or all of a large picture would have to be there as doubles
      const Index some = (std::min)(block, images.width - x);
      lines.middleCols(x, some) = rows * from.middleCols(x, some).cast<double>();
    }
    const Matrix levels = lines * columns;
    Eigen::Map<Bytes>(resized.pixels.data() + plane * height * width, height, width) =
        levels.unaryExpr([](double level) { return static_cast<std::uint8_t>(std::clamp(level, 0., 255.) + 0.5); });
  }
  return resized;
}

}  // namespace detail

/// The images at another size, by bicubic interpolation of each channel: Keys' kernel with a = -1/2, widened where the
/// images shrink, as in PIL's BICUBIC. The result is rounded to bytes once, after both directions, and clamped to
/// 0 .. 255. The same size gives the same bytes. @throws ArgumentError if an extent is below 1.
inline LabeledImages resize(const LabeledImages& images, Index height, Index width) {
  check_sizes(images, "resize");
  if (height < 1 || width < 1) {
    throw ArgumentError("resize: needs a size of at least 1 x 1, got ", height, " x ", width);
  }
  return detail::resize_part(images, {height, 0, height}, {width, 0, width});
}

/// The images with their shorter side resized, as `resize` does, to `shorter` pixels and the other in proportion,
/// rounded down; of that the `size` x `size` pixels in the center, nearer to the top and the left by half a pixel where
/// none is in the middle. @throws ArgumentError unless 1 <= size <= shorter.
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

/// The dataset with all images at another size, and the normalization of its training images as they are then. One of
/// this size already stays as it is. @throws as for images, and as `compute_normalization`.
inline Dataset resize(Dataset dataset, Index height, Index width) {
  if (dataset.train.height == height && dataset.train.width == width) return dataset;
  dataset.train = resize(dataset.train, height, width);
  if (dataset.test.count > 0) dataset.test = resize(dataset.test, height, width);
  dataset.normalization = compute_normalization(dataset.train);
  return dataset;
}

}  // namespace hypertape::inline HYPERTAPE_ABI::data
