#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "hypertape/core/error.hpp"
#include "hypertape/core/random.hpp"
#include "hypertape/core/shape.hpp"
#include "hypertape/data/dataset.hpp"

namespace hypertape::inline HYPERTAPE_ABI::data {

namespace detail {

struct Point {
  double x = 0;
  double y = 0;
};

/// The control points of a quadratic B-spline from its first point to its last. A point given twice makes a corner.
using Stroke = std::vector<Point>;

/// The strokes of each digit in a box of width 1 and height 1, y pointing down.
inline const std::array<std::vector<Stroke>, 10>& digit_strokes() {
  static const std::array<std::vector<Stroke>, 10> digits = {{
      {{{.5, 0}, {0, 0}, {0, 1}, {1, 1}, {1, 0}, {.5, 0}}},
      {{{.25, .22}, {.55, 0}, {.55, 0}, {.55, 1}}},
      {{{.05, .28}, {.08, 0}, {.95, -.05}, {.98, .42}, {0, 1}, {0, 1}, {1, 1}}},
      {{{.05, .15},
        {.3, -.05},
        {1, -.05},
        {.95, .45},
        {.42, .46},
        {.42, .46},
        {1.05, .46},
        {1.05, 1.05},
        {.3, 1.05},
        {0, .85}}},
      {{{.72, 1}, {.72, 0}, {.72, 0}, {0, .68}, {0, .68}, {1, .68}}},
      {{{.92, 0},
        {.15, 0},
        {.15, 0},
        {.1, .45},
        {.1, .45},
        {.35, .33},
        {1.02, .3},
        {1.02, 1.05},
        {.25, 1.05},
        {.02, .85}}},
      {{{.8, 0}, {.3, .1}, {-.05, .6}, {.05, 1.02}, {.95, 1.02}, {1, .45}, {.2, .4}, {.07, .72}}},
      {{{0, 0}, {1, 0}, {1, 0}, {.4, .6}, {.35, 1}}},
      {{{.5, 0}, {.08, 0}, {.08, .46}, {.92, .46}, {.92, 0}, {.5, 0}},
       {{.5, .46}, {0, .46}, {0, 1}, {1, 1}, {1, .46}, {.5, .46}}},
      {{{.92, .28}, {.9, -.02}, {.05, -.08}, {.02, .58}, {.85, .6}, {.92, .2}, {.92, .2}, {.92, .6}, {.75, 1}}},
  }};
  return digits;
}

/// How one picture of a digit deviates from the table above, in pixels.
struct GlyphStyle {
  std::array<double, 4> matrix{};  // maps the box to pixels, row-major
  Point center;
  double half_width = 0;  // of the pen
  double brightness = 0;  // at most 1

  explicit GlyphStyle(Random& random)
      : center{13.5 + random.uniform(-3, 3), 13.5 + random.uniform(-3, 3)},
        half_width(random.uniform(.7, 1.6)),
        brightness(random.uniform(.7, 1)) {
    const double width = 12 * random.uniform(.75, 1.15);
    const double height = 18 * random.uniform(.8, 1.1);
    const double shear = random.uniform(-.3, .3);
    const double t = random.uniform(-.15, .15);  // tangent of half the angle, to need no sin and cos
    const double cosine = (1 - t * t) / (1 + t * t);
    const double sine = 2 * t / (1 + t * t);
    matrix = {cosine * width, (cosine * shear - sine) * height, sine * width, (sine * shear + cosine) * height};
  }

  Point operator()(Point p) const {
    const double x = p.x - .5;
    const double y = p.y - .5;
    return {center.x + matrix[0] * x + matrix[1] * y, center.y + matrix[2] * x + matrix[3] * y};
  }
};

/// The squared distance of each pixel's center to the nearest stroke, up to the reach of the pen.
class GlyphCanvas {
 public:
  static constexpr int side = 28;

  GlyphCanvas() { squared_distance_.fill((std::numeric_limits<double>::max)()); }

  void draw(const Stroke& stroke) {
    Point begin = stroke.front();
    for (std::size_t i = 1; i + 1 < stroke.size(); ++i) {
      const bool last = i + 2 == stroke.size();
      const Point end = last ? stroke[i + 1] : middle(stroke[i], stroke[i + 1], .5);
      draw_curve(begin, stroke[i], end);
      begin = end;
    }
  }

  double distance(std::size_t pixel) const { return std::sqrt(squared_distance_[pixel]); }

 private:
  static constexpr double reach = 3;

  static Point middle(Point a, Point b, double t) { return {a.x + t * (b.x - a.x), a.y + t * (b.y - a.y)}; }

  /// Draws the quadratic Bezier curve from a to c with control point b as a few straight segments.
  void draw_curve(Point a, Point b, Point c) {
    constexpr int segments = 6;
    Point begin = a;
    for (int i = 1; i <= segments; ++i) {
      const double t = static_cast<double>(i) / segments;
      const Point end = middle(middle(a, b, t), middle(b, c, t), t);
      draw_segment(begin, end);
      begin = end;
    }
  }

  void draw_segment(Point a, Point b) {
    const Range columns = touched((std::min)(a.x, b.x), (std::max)(a.x, b.x));
    const Range rows = touched((std::min)(a.y, b.y), (std::max)(a.y, b.y));
    const Point along{b.x - a.x, b.y - a.y};
    const double squared_length = along.x * along.x + along.y * along.y;
    for (Index y = rows.begin; y < rows.end; ++y) {
      for (Index x = columns.begin; x < columns.end; ++x) {
        const Point from_a{static_cast<double>(x) - a.x, static_cast<double>(y) - a.y};
        const double projection = from_a.x * along.x + from_a.y * along.y;
        const double t = squared_length > 0 ? std::clamp(projection / squared_length, 0., 1.) : 0;
        const Point gap{from_a.x - t * along.x, from_a.y - t * along.y};
        double& nearest = squared_distance_[static_cast<std::size_t>(y * side + x)];
        nearest = (std::min)(nearest, gap.x * gap.x + gap.y * gap.y);
      }
    }
  }

  /// The pixels of a row or column within reach of an interval.
  static Range touched(double low, double high) {
    const auto inside = [](double x) { return static_cast<Index>(std::clamp(x, 0., static_cast<double>(side))); };
    return {inside(low - reach), inside(high + reach + 1)};
  }

  std::array<double, side * side> squared_distance_{};
};

/// Draws one digit into 28 x 28 bytes.
inline void draw_glyph(std::size_t digit, Random& random, std::uint8_t* pixels) {
  constexpr double wobble = .07;  // of a control point, relative to the box
  constexpr double noise = 12;    // of a pixel, out of 256 levels
  const GlyphStyle style(random);
  GlyphCanvas canvas;
  for (Stroke stroke : digit_strokes()[digit]) {
    for (Point& point : stroke) {
      point.x += random.uniform(-wobble, wobble);
      point.y += random.uniform(-wobble, wobble);
      point = style(point);
    }
    canvas.draw(stroke);
  }
  for (std::size_t i = 0; i < GlyphCanvas::side * GlyphCanvas::side; ++i) {
    const double coverage = std::clamp(style.half_width + .5 - canvas.distance(i), 0., 1.);
    const double level = 255 * style.brightness * coverage + random.uniform(-noise, noise);
    pixels[i] = static_cast<std::uint8_t>(std::clamp(level, 0., 255.) + .5);
  }
}

/// Draws `count` digits. `part` keeps the random streams of training and test images apart.
inline LabeledImages draw_glyphs(Index count, std::uint64_t seed, std::uint64_t part) {
  constexpr std::uint64_t purpose = 0x676c79706873;  // "glyphs", to share no stream with other users of the seed
  constexpr Index side = GlyphCanvas::side;
  constexpr int classes = 10;
  LabeledImages images{count, 1, side, side, classes, {}, {}};
  images.pixels.resize(static_cast<std::size_t>(count * images.bytes_per_image()));
  for (Index n = 0; n < count; ++n) {
    const auto digit = static_cast<std::int32_t>(n % classes);
    Random random(seed, {purpose, part, static_cast<std::uint64_t>(n)});
    draw_glyph(static_cast<std::size_t>(digit), random, images.pixels.data() + n * images.bytes_per_image());
    images.labels.push_back(digit);
  }
  return images;
}

}  // namespace detail

/// Draws digits 0 .. 9 with a shaky hand and a random pen: images (n, 1, 28, 28) that stand in for MNIST where no data
/// is available. Image n shows digit n mod 10 and depends only on the seed and n, neither on the counts nor on the
/// machine (it uses only arithmetic and square roots of doubles). The normalization is computed from the training
/// images. @throws ArgumentError if a count is below 1.
inline Dataset generate_glyphs(Index train_count, Index test_count, std::uint64_t seed) {
  if (train_count < 1 || test_count < 1) {
    throw ArgumentError("generate_glyphs: needs positive counts, got ", train_count, " and ", test_count);
  }
  Dataset dataset{
      "glyphs", {}, detail::draw_glyphs(train_count, seed, 0), detail::draw_glyphs(test_count, seed, 1), {}};
  dataset.normalization = compute_normalization(dataset.train);
  return dataset;
}

}  // namespace hypertape::inline HYPERTAPE_ABI::data
