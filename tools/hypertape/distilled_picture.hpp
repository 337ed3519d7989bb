#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iomanip>
#include <limits>
#include <numeric>
#include <span>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "drawing.hpp"
#include "hypertape/core/error.hpp"
#include "hypertape/core/tensor.hpp"
#include "hypertape/data/dataset.hpp"
#include "hypertape/distill/distilled_set.hpp"

namespace hypertape::cli {

using hypertape::detail::concat;

/// The images of the first step after some iteration.
struct Snapshot {
  long iteration = 0;    ///< outer steps before it
  Tensor<float> images;  ///< (n, C, H, W), in normalized space
};

/// Image n of a batch of pixels (N, 1 or 3, H, W), with its contrast stretched, as distilled images exceed the range of
/// pixels: the smallest value over all channels becomes black, the largest white. A constant image is gray. @throws
/// ArgumentError if a value is not finite.
inline Image stretched_image(const Tensor<float>& images, Index n) {
  const Index channels = images.shape()[1], height = images.shape()[2], width = images.shape()[3];
  const auto level = [&](Index c, Index y, Index x) { return double{images(n, c, y, x)}; };
  double low = std::numeric_limits<double>::max(), high = std::numeric_limits<double>::lowest();
  for (Index i = 0; i < channels * height * width; ++i) {
    const double value = level(i / (height * width), i / width % height, i % width);
    if (!std::isfinite(value)) throw ArgumentError("picture: image ", n, " has a value of ", value);
    low = std::min(low, value);
    high = std::max(high, value);
  }
  Image image{{}, width, height, 1, {}};
  for (Index i = 0; i < height * width; ++i) {
    std::uint32_t pixel = 0;
    for (Index c = 0; c < 3; ++c) {
      const double value = level(std::min(c, channels - 1), i / width, i % width);
      const double gray = high > low ? 255 * (value - low) / (high - low) : 128;
      pixel = pixel << 8 | static_cast<std::uint32_t>(gray + 0.5);
    }
    image.pixels.push_back(pixel);
  }
  return image;
}

/// The text. If it is too wide, "..." replaces its last words, or the last letters of a single word.
inline Text elided(Text text, double width) {
  for (std::string left = text.words; text_width(text) > width && !left.empty();) {
    const std::size_t space = left.rfind(' ');
    std::size_t end = left.size() - 1;
    while (end > 0 && (left[end] & 0xC0) == 0x80) --end;  // to the letter's first byte in UTF-8
    left.resize(space == std::string::npos ? end : space);
    text.words = left + (space == std::string::npos ? "..." : " ...");
  }
  return text;
}

/// Blocks of images, one below the other. Each has a heading, and lines of text under each image.
class Gallery {
 public:
  /// For images of `shape` (n, C, H, W), with `lines` lines under each.
  Gallery(const Shape& shape, int lines)
      : count_(shape[0]),
        scale_(std::max<Index>(1, (image_side + shape[3] / 2) / shape[3])),
        image_width_(shape[3] * scale_),
        image_height_(shape[2] * scale_),
        row_height_(image_height_ + lines * label_height + gap),
        columns_(std::clamp<Index>(most_side / (image_width_ + gap), 1, std::min(most_columns, count_))),
        width_(std::clamp(columns_ * (image_width_ + gap) + gap, least_width, most_side)) {}

  Index rows() const { return (count_ + columns_ - 1) / columns_; }
  /// Rows of images that fit into a single block.
  Index most_rows() const { return std::max<Index>(1, (most_side - 2 * heading_height - 3 * gap) / row_height_); }
  /// Blocks of this many rows that fit.
  Index most_blocks(Index rows) const {
    return std::max<Index>(1, (most_side - heading_height - gap) / (heading_height + rows * row_height_ + gap));
  }
  Index images_in(Index rows) const { return std::min(count_, rows * columns_); }

  /// Adds one line over the whole width.
  void add_line(const std::string& words) {
    put(elided({words, {gap, static_cast<double>(bottom_ + 17)}}, static_cast<double>(width_ - 2 * gap)));
    bottom_ += heading_height;
  }

  /// Adds the first images of a batch; `labels(n)` are the lines under image n.
  template <class Labels>
  void add_images(const Tensor<float>& images, const data::Normalization& normalization, Index rows,
                  const Labels& labels) {
    const Tensor<float> pixels = data::denormalized(images, normalization);
    for (Index n = 0; n < images_in(rows); ++n) {
      const Index left = gap + n % columns_ * (image_width_ + gap), top = bottom_ + n / columns_ * row_height_;
      Image image = stretched_image(pixels, n);
      image.at = {static_cast<double>(left), static_cast<double>(top)};
      image.scale = scale_;
      put(std::move(image));
      Point at{static_cast<double>(left) + static_cast<double>(image_width_) / 2,
               static_cast<double>(top + image_height_)};
      for (const std::string& words : labels(n)) {
        at.y += label_height;
        put_label({words, at, Align::center});
      }
    }
    bottom_ += rows * row_height_ + gap;
  }

  Drawing drawing() && {
    drawing_.page = {0, 0, static_cast<double>(width_), static_cast<double>(std::min(bottom_, most_side))};
    return std::move(drawing_);
  }

 private:
  static constexpr Index image_side = 112;  // approximate width after magnification
  static constexpr Index gap = 8, heading_height = 24, label_height = 17, least_width = 400;
  static constexpr Index most_columns = 20, most_side = 4096;

  void put(Shape2d shape) { drawing_.shapes.push_back(std::move(shape)); }

  /// Shrinks a text that does not fit, then cuts it.
  void put_label(Text text) {
    const auto width = static_cast<double>(image_width_ + gap - 2);
    while (text.size > 10 && text_width(text) > width) text.size -= 1;
    put(elided(std::move(text), width));
  }

  Index count_, scale_, image_width_, image_height_, row_height_, columns_, width_;
  Index bottom_ = gap;
  Drawing drawing_;
};

/// "3", or the name of class 3, for a hard label; for a soft one the two largest weights in percent: "3: 72%", "5:
/// 11%".
inline std::vector<std::string> label_lines(const distill::DistilledSet& set, Index step, Index n,
                                            std::span<const std::string> names) {
  const Tensor<float>& labels = set.labels[static_cast<std::size_t>(step)];
  std::vector<Index> order(static_cast<std::size_t>(set.classes()));
  std::iota(order.begin(), order.end(), Index{0});
  std::ranges::stable_sort(order, [&](Index a, Index b) { return labels(n, a) > labels(n, b); });
  order.resize(std::min<std::size_t>(order.size(), set.soft_labels ? 2 : 1));
  std::vector<std::string> lines;
  for (const Index k : order) {
    lines.push_back(names.empty() ? concat(k) : names[static_cast<std::size_t>(k)]);
    if (set.soft_labels) lines.back() += concat(": ", std::round(100 * labels(n, k)) + 0., '%');  // never -0
  }
  return lines;
}

/// "Step 1: learning rates 1.31, 0.17, 0.12", one per epoch; for a set without an order, "200 steps, each of 10 images:
/// learning rate 0.01".
inline std::string step_heading(const distill::DistilledSet& set, Index step) {
  std::ostringstream text = hypertape::detail::plain_stream();
  text << std::setprecision(3);
  if (set.unordered) {
    text << set.steps() << " steps, each of " << set.unordered->batch << " images: learning rate "
         << set.learning_rates[0];
    return text.str();
  }
  text << "Step " << step + 1 << ": learning rate" << (set.epochs() > 1 ? "s" : "");
  for (Index e = 0; e < set.epochs(); ++e) {
    text << (e > 0 ? ", " : " ") << set.learning_rates[e * set.steps() + step];
  }
  return text.str();
}

/// A distilled set: each step's learning rates above its images, and each image's label, or class name, below it. At
/// most 20 images per row and 4,096 pixels per side; of a larger set, the first images and steps, and how many more
/// there are. @throws ArgumentError if a value is not finite.
inline Drawing draw_set(const distill::DistilledSet& set, std::span<const std::string> class_names) {
  Gallery gallery(set.images.front().shape(), set.soft_labels ? 2 : 1);
  const Index rows = std::min(gallery.rows(), gallery.most_rows());
  const auto all_steps = static_cast<Index>(set.images.size());
  const Index steps = std::min(all_steps, gallery.most_blocks(rows));
  for (Index s = 0; s < steps; ++s) {
    gallery.add_line(step_heading(set, s));
    gallery.add_images(set.images[static_cast<std::size_t>(s)], set.normalization, rows,
                       [&](Index n) { return label_lines(set, s, n, class_names); });
  }
  const Index more_steps = all_steps - steps, more_images = set.images.front().shape()[0] - gallery.images_in(rows);
  std::string more;
  if (more_steps > 0) more = concat("... ", more_steps, more_steps == 1 ? " more step" : " more steps");
  if (more_images > 0) more += concat(more.empty() ? "" : ", ", "... ", more_images, " more images per step");
  if (!more.empty()) gallery.add_line(more);
  return std::move(gallery).drawing();
}

/// How images changed over a run: a row per snapshot, headed "Iteration 400", of at most 20 images. Of more snapshots
/// than fit into 4,096 pixels, evenly spaced ones including the first and the last. @throws ArgumentError if a value is
/// not finite.
inline Drawing draw_snapshots(std::span<const Snapshot> snapshots, const data::Normalization& normalization) {
  Gallery gallery(snapshots.front().images.shape(), 0);
  const std::size_t count = snapshots.size();
  const std::size_t shown = std::min(count, static_cast<std::size_t>(gallery.most_blocks(1)));
  for (std::size_t row = 0; row < shown; ++row) {
    const Snapshot& snapshot = snapshots[shown > 1 ? row * (count - 1) / (shown - 1) : count - 1];
    gallery.add_line(concat("Iteration ", snapshot.iteration));
    gallery.add_images(snapshot.images, normalization, 1, [](Index) { return std::vector<std::string>(); });
  }
  return std::move(gallery).drawing();
}

}  // namespace hypertape::cli
