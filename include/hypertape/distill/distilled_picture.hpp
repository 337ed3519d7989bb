#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <iomanip>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "hypertape/data/draw.hpp"
#include "hypertape/distill/distilled_set.hpp"
#include "hypertape/io/png.hpp"

namespace hypertape::distill {

using hypertape::detail::concat;

/// The images of the first step as they were after so many iterations.
struct Snapshot {
  long iteration = 0;    ///< outer steps before it
  Tensor<float> images;  ///< (n, C, H, W), in normalized space
};

namespace detail {

/// Blocks of images under one another, each with a heading and, under each image, a label. Sizes are in pixels.
class Gallery {
 public:
  /// Images as those of `shape` (n, C, H, W), `n` of each block at most.
  Gallery(const Shape& shape, bool labeled)
      : scale_(std::max<Index>(1, (image_side + shape[3] / 2) / shape[3])),
        cell_width_(shape[3] * scale_ + gap),
        row_height_(shape[2] * scale_ + gap + (labeled ? text_height : 0)),
        columns_(std::clamp<Index>(most_side / cell_width_, 1, (std::min)(most_columns, shape[0]))),
        width_((std::min)(most_side, (std::max)(columns_ * cell_width_ + gap, heading_width))) {}

  Index columns() const { return columns_; }
  /// Characters of a heading that fit.
  std::size_t heading_length() const { return static_cast<std::size_t>((width_ - 2 * gap) / text_width); }
  /// Rows of images that fit into a block that stands alone.
  Index most_rows() const { return std::max<Index>(1, (most_side - 2 * line_height - 3 * gap) / row_height_); }
  /// Blocks of so many rows that fit.
  Index most_blocks(Index rows) const {
    return std::max<Index>(1, (most_side - line_height - gap) / block_height(rows));
  }

  /// A white picture of so many blocks, and a line under them if asked for.
  io::Picture picture(Index blocks, Index rows, bool footer, Index channels) const {
    const Index height = gap + blocks * block_height(rows) + (footer ? line_height : 0);
    return {width_, (std::min)(height, most_side), channels};
  }

  /// Fills block number `block` with the first images; `labels` may be empty.
  void put(io::Picture& picture, Index block, const std::string& heading, Index rows, const Tensor<float>& images,
           const data::Normalization& normalization, std::span<const std::string> labels) const {
    const Index top = gap + block * block_height(rows);
    data::put_text(picture, heading, gap, top, text_scale);
    const Index shown = (std::min)(images.shape()[0], rows * columns_);
    for (Index n = 0; n < shown; ++n) {
      const Index left = gap + n % columns_ * cell_width_;
      const Index y = top + line_height + n / columns_ * row_height_;
      data::put_image(picture, images, n, normalization, data::DisplayRange::stretch, left, y, scale_);
      if (!labels.empty()) {
        put_label(picture, labels[static_cast<std::size_t>(n)], left, y + images.shape()[2] * scale_ + 3);
      }
    }
  }

  void put_footer(io::Picture& picture, const std::string& text) const {
    data::put_text(picture, text, gap, picture.height() - line_height, text_scale);
  }

 private:
  static constexpr Index image_side = 112;  // about the width that an image is magnified to
  static constexpr Index gap = 6;
  static constexpr Index most_columns = 20;
  static constexpr Index most_side = 4096;
  static constexpr Index text_scale = 2;
  static constexpr Index text_width = data::font_width * text_scale;
  static constexpr Index text_height = data::font_height * text_scale;
  static constexpr Index line_height = text_height + gap;
  static constexpr Index heading_width = 32 * text_width;

  Index block_height(Index rows) const { return line_height + rows * row_height_ + 2 * gap; }

  /// In the middle under an image; in small print if it would not fit, and cut if even then.
  void put_label(io::Picture& picture, std::string label, Index left, Index top) const {
    const Index width = cell_width_ - gap;
    const auto needed = [&](Index scale) {
      return static_cast<Index>(label.size()) * data::font_width * scale - scale;
    };
    const Index scale = needed(text_scale) <= width ? text_scale : 1;
    if (needed(scale) > width) label.resize(static_cast<std::size_t>(std::max<Index>(1, width / data::font_width)));
    data::put_text(picture, label, left + std::max<Index>(0, (width - needed(scale)) / 2), top, scale);
  }

  Index scale_, cell_width_, row_height_, columns_, width_;
};

/// "3" for a hard label, or the name of class 3; for a soft one the two classes of most weight, each with its weight in
/// percent: "3:72 5:11".
inline std::string label_text(const Tensor<float>& labels, Index n, bool soft, std::span<const std::string> names) {
  const auto name = [&](Index k) { return names.empty() ? concat(k) : names[static_cast<std::size_t>(k)]; };
  const Index classes = labels.shape()[1];
  std::vector<Index> order(static_cast<std::size_t>(classes));
  for (Index k = 0; k < classes; ++k) order[static_cast<std::size_t>(k)] = k;
  std::stable_sort(order.begin(), order.end(), [&](Index a, Index b) { return labels(n, a) > labels(n, b); });
  if (!soft) return name(order[0]);
  std::string text;
  for (std::size_t i = 0; i < std::min<std::size_t>(2, order.size()); ++i) {
    text += concat(i > 0 ? " " : "", name(order[i]), ':', std::round(100 * labels(n, order[i])));
  }
  return text;
}

/// "step 1   eta 1.31 0.17 0.12", a learning rate for each epoch; "..." in place of those that do not fit.
inline std::string step_heading(const DistilledSet& set, Index step, std::size_t length) {
  std::string text = concat("step ", step + 1, "   eta");
  for (Index e = 0; e < set.epochs(); ++e) {
    std::ostringstream rate = hypertape::detail::plain_stream();
    rate << ' ' << std::setprecision(3) << set.learning_rates[e * set.steps() + step];
    const std::size_t left = e + 1 < set.epochs() ? std::string(" ...").size() : 0;  // what may have to follow
    if (text.size() + rate.str().size() + left > length) return text + " ...";
    text += rate.str();
  }
  return text;
}

inline void check_channels(const Shape& shape, const data::Normalization& normalization, const char* operation) {
  const auto channels = static_cast<std::size_t>(shape[1]);
  if (shape.rank() == 4 && (channels == 1 || channels == 3) && normalization.mean.size() == channels &&
      normalization.std.size() == channels) {
    return;
  }
  throw ArgumentError(operation, ": needs images (n, 1 or 3, height, width) and a normalization of their ",
                      "channels, got ", shape, " and ", normalization.mean.size(), " channels");
}

}  // namespace detail

/// Draws a distilled set as PNG: for each step its number and learning rates, and under each image its label, by its
/// name if `class_names` has those of all classes. Each image is stretched to its own range of gray. At most 20 images
/// a row and 4,096 pixels a side; of a set too large for that, the first images and steps, and how many more there are.
/// @throws ArgumentError unless the images have 1 or 3 channels and finite values, or if there are other numbers of
/// names than none or one a class; DataError if the file cannot be written.
inline void save_picture(const DistilledSet& set, const std::filesystem::path& path,
                         std::span<const std::string> class_names = {}) {
  const Shape& shape = set.images.front().shape();
  detail::check_channels(shape, set.normalization, "save_picture");
  if (!class_names.empty() && static_cast<Index>(class_names.size()) != set.classes()) {
    throw ArgumentError("save_picture: ", class_names.size(), " names do not go with ", set.classes(), " classes");
  }
  const detail::Gallery gallery(shape, true);
  const Index all_rows = (shape[0] + gallery.columns() - 1) / gallery.columns();
  const Index rows = (std::min)(all_rows, gallery.most_rows());
  const Index steps = (std::min)(set.steps(), gallery.most_blocks(rows));

  std::string footer;
  if (steps < set.steps())
    footer = concat("... ", set.steps() - steps, set.steps() - steps == 1 ? " more step" : " more steps");
  if (rows < all_rows) {
    footer += concat(footer.empty() ? "" : ", ", "... ", shape[0] - rows * gallery.columns(), " more images a step");
  }
  io::Picture picture = gallery.picture(steps, rows, !footer.empty(), shape[1]);
  for (Index s = 0; s < steps; ++s) {
    const auto i = static_cast<std::size_t>(s);
    std::vector<std::string> labels;
    for (Index n = 0; n < shape[0]; ++n) {
      labels.push_back(detail::label_text(set.labels[i], n, set.soft_labels, class_names));
    }
    gallery.put(picture, s, detail::step_heading(set, s, gallery.heading_length()), rows, set.images[i],
                set.normalization, labels);
  }
  if (!footer.empty()) gallery.put_footer(picture, footer);
  io::write_png(path, picture);
}

/// Draws how images changed over a run as PNG: a row for each snapshot, "iteration 400" over its first 20 images at
/// most. Of more snapshots than fit into 4,096 pixels, evenly spaced ones, the first and the last among them.
/// @throws ArgumentError if there is no snapshot, or they differ in shape, and as `save_picture`.
inline void save_strip(std::span<const Snapshot> snapshots, const data::Normalization& normalization,
                       const std::filesystem::path& path) {
  if (snapshots.empty()) throw ArgumentError("save_strip: needs at least one snapshot");
  const Shape& shape = snapshots.front().images.shape();
  detail::check_channels(shape, normalization, "save_strip");
  for (const Snapshot& snapshot : snapshots) {
    if (snapshot.images.shape() == shape) continue;
    throw ArgumentError("save_strip: the images of iteration ", snapshot.iteration, " are ", snapshot.images.shape(),
                        ", those of iteration ", snapshots.front().iteration, " ", shape);
  }
  const detail::Gallery gallery(shape, false);
  const auto count = static_cast<Index>(snapshots.size());
  const Index shown = (std::min)(count, gallery.most_blocks(1));
  io::Picture picture = gallery.picture(shown, 1, false, shape[1]);
  for (Index row = 0; row < shown; ++row) {
    const Index i = shown > 1 ? row * (count - 1) / (shown - 1) : count - 1;
    const Snapshot& snapshot = snapshots[static_cast<std::size_t>(i)];
    gallery.put(picture, row, concat("iteration ", snapshot.iteration), 1, snapshot.images, normalization, {});
  }
  io::write_png(path, picture);
}

}  // namespace hypertape::distill
