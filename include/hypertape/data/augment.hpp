#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <string>
#include <utility>
#include <vector>

#include "hypertape/core/assignments.hpp"
#include "hypertape/core/error.hpp"
#include "hypertape/core/random.hpp"
#include "hypertape/core/shape.hpp"
#include "hypertape/core/tensor.hpp"

namespace hypertape::inline HYPERTAPE_ABI::data {

/// How images, real and distilled alike, are randomly varied each time they are used (differentiable augmentation, Zhao
/// and Bilen 2021). Every variation is an affine map of the image's values; its adjoint is `augment_adjoint`. Values
/// are normalized, and zero outside of the image.
struct Augmentation {
  bool flip = false;      ///< mirror left to right with probability 1/2
  Index crop = 0;         ///< shift by up to this many pixels in each direction
  double scale = 1;       ///< stretch rows and columns by independent factors in [1 / scale, scale]
  double rotate = 0;      ///< rotate by up to this many degrees either way
  double brightness = 0;  ///< add a value in [-brightness / 2, brightness / 2] to all values
  double cutout = 0;      ///< zero a rectangle around a random pixel, its sides this share of the image's

  /// Whether images stay as they are.
  bool is_none() const { return *this == Augmentation{}; }

  /// @throws ArgumentError naming the first value that is out of range.
  void validate() const {
    const auto expect = [](bool valid, const char* name, const char* range, auto value) {
      if (!valid) throw ArgumentError("augmentation: ", name, " needs ", range, ", got ", value);
    };
    expect(crop >= 0 && crop <= 4096, "crop", "pixels in [0, 4096]", crop);
    expect(scale >= 1 && scale <= 16, "scale", "a factor in [1, 16]", scale);
    expect(rotate >= 0 && rotate <= 180, "rotate", "degrees in [0, 180]", rotate);
    expect(brightness >= 0 && brightness <= 100, "brightness", "a value in [0, 100]", brightness);
    expect(cutout >= 0 && cutout < 1, "cutout", "a share in [0, 1)", cutout);
  }

  /// Whether both vary images in the same way.
  friend bool operator==(const Augmentation& a, const Augmentation& b) {
    const auto numbers = [](const Augmentation& one) {
      return std::array<double, 6>{
          one.flip ? 1.0 : 0.0, static_cast<double>(one.crop), one.scale, one.rotate, one.brightness, one.cutout};
    };
    return numbers(a) == numbers(b);
  }
};

/// An augmentation as text, such as `flip,crop=4,scale=1.2,rotate=15,brightness=1,cutout=0.5`, or `none`;
/// `augmentation_from_text` reads it back to the same bits.
inline std::string text_of(const Augmentation& augmentation) {
  std::string text;
  const auto add = [&](bool varied, const char* name, auto value) {
    if (varied) text += (text.empty() ? "" : ",") + std::string(name) + '=' + shortest_text(value);
  };
  if (augmentation.flip) text = "flip";
  add(augmentation.crop > 0, "crop", augmentation.crop);
  add(augmentation.scale > 1, "scale", augmentation.scale);
  add(augmentation.rotate > 0, "rotate", augmentation.rotate);
  add(augmentation.brightness > 0, "brightness", augmentation.brightness);
  add(augmentation.cutout > 0, "cutout", augmentation.cutout);
  return text.empty() ? "none" : text;
}

/// Parses the text of an augmentation, which is `none` or a list of flip, crop=PIXELS, scale=FACTOR, rotate=DEGREES,
/// brightness=VALUE and cutout=SHARE. @throws ArgumentError for other text, or a value out of range.
inline Augmentation augmentation_from_text(const std::string& text) {
  const auto refuse = [&](const auto&... what) {
    throw ArgumentError("augmentation '", text, "': ", what...,
                        "; expected none, or a list of flip, crop=PIXELS, scale=FACTOR, rotate=DEGREES, "
                        "brightness=VALUE and cutout=SHARE");
  };
  Augmentation augmentation;
  if (text == "none") return augmentation;
  std::vector<Assignment<double>> given;
  try {
    given = assignments_from_text<double>(text);
  } catch (const ArgumentError& error) {
    refuse(error.what());
  }
  for (const auto& [name, value] : given) {
    const bool is_number =
        name == "crop" || name == "scale" || name == "rotate" || name == "brightness" || name == "cutout";
    if (name != "flip" && !is_number) refuse("there is no '", name, "'");
    if (value.has_value() != is_number) refuse(name, is_number ? " needs a value" : " takes no value");
    if (name == "flip") augmentation.flip = true;
    if (name == "crop") {
      augmentation.crop = std::abs(*value) <= 1e6 ? static_cast<Index>(*value) : -1;
      if (std::abs(static_cast<double>(augmentation.crop) - *value) > 0) refuse("crop needs a whole number of pixels");
    }
    if (name == "scale") augmentation.scale = *value;
    if (name == "rotate") augmentation.rotate = *value;
    if (name == "brightness") augmentation.brightness = *value;
    if (name == "cutout") augmentation.cutout = *value;
  }
  augmentation.validate();
  return augmentation;
}

/// Which random draws a block of a batch uses. Those of sample i in the block depend only on (seed, batch, first + i),
/// and so not on how the batch is split into blocks.
struct AugmentationDraws {
  std::uint64_t seed = 0;   ///< of the run
  std::uint64_t batch = 0;  ///< number of the batch
  Index first = 0;          ///< position of the block's first sample in the batch
};

namespace detail {

/// Cosine and sine of an angle of at most pi, to about 1e-15, by their Taylor series: unlike the standard library's,
/// the bits are the same on every machine.
inline std::array<double, 2> cosine_and_sine(double angle) {
  double cosine = 1, sine = 1;  // the sine's series without its factor `angle`
  const double square = angle * angle;
  for (int n = 16; n >= 1; --n) {
    cosine = std::fma(-square / ((2 * n - 1) * (2 * n)), cosine, 1.0);
    sine = std::fma(-square / ((2 * n) * (2 * n + 1)), sine, 1.0);
  }
  return {cosine, angle * sine};
}

/// The variation of one image: pixel (y, x) becomes zero in the cut-out rectangle, elsewhere the value at its source
/// plus the brightness.
struct Variation {
  std::array<double, 4> matrix;  // maps (y, x) to its source, both relative to the center
  double down, right;            // shift of the source
  double brightness;             // added to each value
  Range cut_rows, cut_columns;   // the cut-out rectangle

  Variation(const Augmentation& augmentation, Index height, Index width, Random random) {
    const auto moved = [&] { return static_cast<double>(random.below(2 * augmentation.crop + 1) - augmentation.crop); };
    down = moved();
    right = moved();
    const double flipped = augmentation.flip && random.uniform() < 0.5 ? -1 : 1;
    const auto stretched = [&] {
      return augmentation.scale > 1 ? random.uniform(1 / augmentation.scale, augmentation.scale) : 1.0;
    };
    const double rows = stretched(), columns = stretched();
    const double degrees = augmentation.rotate > 0 ? random.uniform(-augmentation.rotate, augmentation.rotate) : 0.0;
    const auto [cosine, sine] = cosine_and_sine(degrees * std::numbers::pi / 180);
    matrix = {cosine / rows, flipped * sine / rows, -sine / columns, flipped * cosine / columns};
    brightness = augmentation.brightness > 0 ? augmentation.brightness * random.uniform(-0.5, 0.5) : 0.0;
    const auto cut = [&](Index extent) {
      const auto side = static_cast<Index>(std::floor(augmentation.cutout * static_cast<double>(extent) + 0.5));
      const Index begin = augmentation.cutout > 0 ? random.below(extent) - side / 2 : 0;
      return Range{begin, begin + side};
    };
    cut_rows = cut(height);
    cut_columns = cut(width);
  }

  bool cuts(Index y, Index x) const {
    return y >= cut_rows.begin && y < cut_rows.end && x >= cut_columns.begin && x < cut_columns.end;
  }
};

/// Calls tap(n, to, from, weight) for each value `to` of each image and each of the up to four values `from` that it
/// interpolates, and shift(n, to, b) for what is added to it. `to` and `from` are positions within one channel, y *
/// width + x.
template <class Tap, class Shift>
void for_each_tap(const Shape& shape, const Augmentation& augmentation, const AugmentationDraws& draws, const Tap& tap,
                  const Shift& shift) {
  constexpr std::uint64_t purpose = 0x6175676d656e74;  // "augment", to share no stream with other users of the seed
  const Index N = shape[0], H = shape[2], W = shape[3];
  const double middle_row = static_cast<double>(H - 1) / 2, middle_column = static_cast<double>(W - 1) / 2;
  for (Index n = 0; n < N; ++n) {
    const Variation v(augmentation, H, W,
                      Random(draws.seed, {purpose, draws.batch, static_cast<std::uint64_t>(draws.first + n)}));
    for (Index y = 0; y < H; ++y) {
      for (Index x = 0; x < W; ++x) {
        if (v.cuts(y, x)) continue;
        const double row = static_cast<double>(y) - middle_row, column = static_cast<double>(x) - middle_column;
        const double source_row = v.matrix[0] * row + v.matrix[1] * column + middle_row + v.down;
        const double source_column = v.matrix[2] * row + v.matrix[3] * column + middle_column + v.right;
        const double first_row = std::floor(source_row), first_column = std::floor(source_column);
        const std::array<double, 2> rows{1 - (source_row - first_row), source_row - first_row};
        const std::array<double, 2> columns{1 - (source_column - first_column), source_column - first_column};
        double within = 0;
        for (std::size_t i = 0; i < 2; ++i) {
          for (std::size_t j = 0; j < 2; ++j) {
            const Index from_row = static_cast<Index>(first_row) + static_cast<Index>(i);
            const Index from_column = static_cast<Index>(first_column) + static_cast<Index>(j);
            const double weight = rows[i] * columns[j];
            if (!(weight > 0) || from_row < 0 || from_row >= H || from_column < 0 || from_column >= W) continue;
            tap(n, y * W + x, from_row * W + from_column, weight);
            within += weight;
          }
        }
        shift(n, y * W + x, within * v.brightness);
      }
    }
  }
}

inline void check_augmentation(const Shape& shape, const Augmentation& augmentation, const AugmentationDraws& draws) {
  hypertape::detail::require_batch("augment", "the images", shape);
  if (shape.rank() != 4) throw ShapeError("augment: needs images (N, C, H, W), got ", shape);
  augmentation.validate();
  if (draws.first < 0) throw ArgumentError("augment: the first position must not be negative, got ", draws.first);
}

}  // namespace detail

/// Varies each of the normalized images (N, C, H, W) independently: rotates, stretches, mirrors and shifts it, with
/// bilinear interpolation and zeros outside of the image; then changes its brightness and cuts out a rectangle.
/// @throws ShapeError for anything but images; ArgumentError for a negative position; as `Augmentation::validate`.
template <class T>
Tensor<T> augment(Tensor<T> images, const Augmentation& augmentation, const AugmentationDraws& draws) {
  detail::check_augmentation(images.shape(), augmentation, draws);
  if (augmentation.is_none()) return images;
  const Shape& shape = images.shape();
  const Index N = shape[0], C = shape[1], plane = shape[2] * shape[3];
  Tensor<T> varied(shape);
  const auto add = [&](Index n, Index to, const auto& value) {
    for (Index c = 0; c < C; ++c) varied[(c * plane + to) * N + n] += value(c);
  };
  detail::for_each_tap(
      shape, augmentation, draws,
      [&](Index n, Index to, Index from, double weight) {
        add(n, to, [&](Index c) { return static_cast<T>(weight) * images[(c * plane + from) * N + n]; });
      },
      [&](Index n, Index to, double brightness) { add(n, to, [&](Index) { return static_cast<T>(brightness); }); });
  return varied;
}

/// Pulls the derivative with respect to the varied images back to the original images, both (N, C, H, W). @throws as
/// `augment`.
template <class T>
Tensor<T> augment_adjoint(const Tensor<T>& derivative, const Augmentation& augmentation,
                          const AugmentationDraws& draws) {
  detail::check_augmentation(derivative.shape(), augmentation, draws);
  if (augmentation.is_none()) return derivative;
  const Shape& shape = derivative.shape();
  const Index N = shape[0], C = shape[1], plane = shape[2] * shape[3];
  Tensor<T> adjoint(shape);
  detail::for_each_tap(
      shape, augmentation, draws,
      [&](Index n, Index to, Index from, double weight) {
        for (Index c = 0; c < C; ++c) {
          adjoint[(c * plane + from) * N + n] += static_cast<T>(weight) * derivative[(c * plane + to) * N + n];
        }
      },
      [](Index, Index, double) {});
  return adjoint;
}

}  // namespace hypertape::inline HYPERTAPE_ABI::data
