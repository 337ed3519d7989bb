#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "hypertape/core/row_major.hpp"
#include "hypertape/data/checksum.hpp"
#include "hypertape/data/dataset.hpp"
#include "hypertape/io/npz.hpp"
#include "hypertape/ops/losses.hpp"
#include "hypertape/optim/heavy_ball.hpp"
#include "hypertape/unroll/inner_loop.hpp"

namespace hypertape::inline HYPERTAPE_ABI::distill {

using hypertape::detail::concat;

/// What a distilled set was made from.
struct Origin {
  std::string dataset;                        ///< its name
  std::int64_t data_checksum = 0;             ///< of its images, labels and names of classes (data/checksum.hpp)
  Index classes = 0;                          ///< how many it has
  std::vector<std::string> class_names = {};  ///< of these; empty if a class's number is all that it has

  /// Whether all of it agrees.
  friend bool operator==(const Origin&, const Origin&) = default;
};

/// What sets that are made from this dataset say of it.
inline Origin origin_of(const data::Dataset& dataset) {
  return {dataset.name, data::checksum_of(dataset), dataset.train.classes, dataset.class_names};
}

/// Of inner steps with this momentum: heavy ball, or plain descent for 0.
inline optim::Rule<float> inner_rule(double momentum) {
  if (momentum > 0) return optim::HeavyBall{momentum};
  return optim::GradientDescent{};
}

/// What distillation learns, and what it takes to train a network on it: images and labels of each step, a learning
/// rate for each step of each epoch, the normalization that the images are in, and theta_0 if they were made for one.
struct DistilledSet {
  std::vector<Tensor<float>> images;    ///< for each step (images, C, H, W), in normalized space
  std::vector<Tensor<float>> labels;    ///< for each step (images, classes): one-hot, or soft
  bool soft_labels = false;             ///< whether labels are more than classes
  Tensor<float> learning_rates;         ///< (epochs, steps)
  float momentum = 0;                   ///< of the steps
  data::Normalization normalization;    ///< of the images
  std::optional<Tensor<float>> theta0;  ///< (P), of a fixed initialization
  std::optional<Origin> origin;         ///< what it was made from; files of older versions do not say

  /// Steps of one epoch.
  Index steps() const { return static_cast<Index>(images.size()); }
  /// Times that the steps are repeated.
  Index epochs() const { return learning_rates.shape()[0]; }
  /// Images of one step.
  Index images_per_step() const { return images.front().shape()[0]; }
  /// Columns of the labels.
  Index classes() const { return labels.front().shape()[1]; }

  /// The training run on this set, from the given weights.
  InnerLoop<float> inner_loop(const Tensor<float>& from) const {
    return {from, images, labels, learning_rates, inner_rule(momentum)};
  }
};

namespace detail {

/// Text as an array of its bytes.
inline io::NpyArray text_array(const std::string& text) {
  std::vector<std::int64_t> bytes;
  for (const char c : text) bytes.push_back(static_cast<unsigned char>(c));
  return {{static_cast<Index>(bytes.size())}, std::move(bytes)};
}

inline void save_origin(const Origin& origin, io::Npz& npz) {
  npz["classes"] = {{1}, std::vector<std::int64_t>{origin.classes}};
  npz["data_checksum"] = {{1}, std::vector<std::int64_t>{origin.data_checksum}};
  if (!origin.dataset.empty()) npz["dataset"] = text_array(origin.dataset);
  std::string names;
  for (const std::string& name : origin.class_names) names += name + '\0';
  if (!names.empty()) npz["class_names"] = text_array(names);
}

}  // namespace detail

/// The arrays of docs/file-formats.md: images (steps, images, C, H, W), labels (steps, images) int64 or (steps, images,
/// classes), learning_rates (epochs, steps), mean and std (C), momentum (1) if it is not 0, theta0 (P) if there is one;
/// of the origin classes (1), data_checksum (1), and the bytes of dataset and class_names, each name with a 0 behind
/// it.
inline io::Npz to_npz(const DistilledSet& set) {
  const Index steps = set.steps();
  const Shape one = set.images.front().shape();
  std::vector<float> images, labels;
  std::vector<std::int64_t> hard;
  for (Index s = 0; s < steps; ++s) {
    const auto i = static_cast<std::size_t>(s);
    const std::vector<float> step_images = to_row_major(set.images[i]);
    const std::vector<float> step_labels = to_row_major(set.labels[i]);
    images.insert(images.end(), step_images.begin(), step_images.end());
    labels.insert(labels.end(), step_labels.begin(), step_labels.end());
  }
  for (std::size_t row = 0; row < labels.size(); row += static_cast<std::size_t>(set.classes())) {
    const auto begin = labels.begin() + static_cast<std::ptrdiff_t>(row);
    hard.push_back(std::max_element(begin, begin + set.classes()) - begin);
  }
  io::Npz npz;
  npz["images"] = {{steps, one[0], one[1], one[2], one[3]}, std::move(images)};
  if (set.soft_labels) {
    npz["labels"] = {{steps, one[0], set.classes()}, std::move(labels)};
  } else {
    npz["labels"] = {{steps, one[0]}, std::move(hard)};
  }
  npz["learning_rates"] = {{set.epochs(), steps}, to_row_major(set.learning_rates)};
  npz["mean"] = {{one[1]}, set.normalization.mean};
  npz["std"] = {{one[1]}, set.normalization.std};
  if (set.momentum > 0) npz["momentum"] = {{1}, std::vector<float>{set.momentum}};
  if (set.theta0) npz["theta0"] = {{set.theta0->size()}, to_row_major(*set.theta0)};
  if (set.origin) detail::save_origin(*set.origin, npz);
  return npz;
}

/// Writes these arrays. @throws DataError if the file cannot be written.
inline void save(const DistilledSet& set, const std::filesystem::path& path) { io::write_npz(path, to_npz(set)); }

namespace detail {

/// A label array's rows as one-hot or soft batches, one for each step.
inline void read_labels(const io::Npz& npz, const std::filesystem::path& path, Index classes, DistilledSet& set) {
  const Index steps = set.steps(), count = set.images_per_step();
  const auto split = [](const auto& values, Index step, Index each) {
    return std::span(values).subspan(static_cast<std::size_t>(step * each), static_cast<std::size_t>(each));
  };
  set.soft_labels = std::holds_alternative<std::vector<float>>(io::require_array(npz, path, "labels").values);
  if (set.soft_labels) {
    const auto& values = io::require_values<float>(npz, path, "labels", {steps, count, classes});
    for (Index s = 0; s < steps; ++s) {
      set.labels.push_back(from_row_major(Shape::batch(count, classes), split(values, s, count * classes)));
    }
    return;
  }
  const auto& values = io::require_values<std::int64_t>(npz, path, "labels", {steps, count});
  for (const std::int64_t label : values) {
    if (label >= 0 && label < classes) continue;
    throw io::bad_content(path, "array 'labels'", concat("classes 0 .. ", classes - 1), concat(label));
  }
  const std::vector<std::int32_t> hard(values.begin(), values.end());
  for (Index s = 0; s < steps; ++s) set.labels.push_back(one_hot<float>(split(hard, s, count), classes));
}

/// The text whose bytes an array holds.
inline std::string read_text(const io::Npz& npz, const std::filesystem::path& path, const char* name) {
  std::string text;
  if (!npz.contains(name)) return text;
  for (const std::int64_t byte : io::require_values<std::int64_t>(npz, path, name, {-1})) {
    if (byte < 0 || byte > 255) {
      throw io::bad_content(path, concat("array '", name, "'"), "bytes 0 .. 255", concat(byte));
    }
    text += static_cast<char>(static_cast<unsigned char>(byte));
  }
  return text;
}

/// What the set says that it was made from; nothing if it says nothing. @throws DataError if that had another number of
/// classes.
inline std::optional<Origin> read_origin(const io::Npz& npz, const std::filesystem::path& path, Index classes) {
  if (!npz.contains("classes")) return std::nullopt;
  Origin origin;
  origin.classes = io::require_values<std::int64_t>(npz, path, "classes", {1})[0];
  origin.data_checksum = io::require_values<std::int64_t>(npz, path, "data_checksum", {1})[0];
  origin.dataset = read_text(npz, path, "dataset");
  if (origin.classes != classes) {
    throw io::bad_content(path, "array 'classes'", concat("a set made for ", classes, " classes"),
                          concat("one for ", origin.classes));
  }
  const std::string names = read_text(npz, path, "class_names");
  for (std::size_t begin = 0; begin < names.size();) {
    const std::size_t end = (std::min)(names.find('\0', begin), names.size());
    origin.class_names.push_back(names.substr(begin, end - begin));
    begin = end + 1;
  }
  if (!origin.class_names.empty() && static_cast<Index>(origin.class_names.size()) != classes) {
    throw io::bad_content(path, "array 'class_names'", concat(classes, " names"), concat(origin.class_names.size()));
  }
  return origin;
}

inline void require_finite(const Tensor<float>& tensor, const std::filesystem::path& path, const std::string& name) {
  if (!tensor.all_finite()) {
    throw io::bad_content(path, "array '" + name + "'", "finite values", "a NaN or an infinity");
  }
}

}  // namespace detail

/// The set whose arrays were read from `path`, for networks of `classes` outputs. @throws DataError, naming the array,
/// if one is missing, misshapen, of another type, or holds what cannot be: a label outside the classes, a NaN, a
/// deviation of zero, or if the set was made for another number of classes.
inline DistilledSet from_npz(const io::Npz& npz, const std::filesystem::path& path, Index classes) {
  DistilledSet set;
  const auto& pixels = io::require_values<float>(npz, path, "images", {-1, -1, -1, -1, -1});
  const std::vector<Index>& extents = npz.at("images").shape;
  const Index steps = extents[0], channels = extents[2];
  const Shape shape = Shape::batch(extents[1], channels, extents[3], extents[4]);
  for (Index s = 0; s < steps; ++s) {
    const auto step =
        std::span(pixels).subspan(static_cast<std::size_t>(s * shape.size()), static_cast<std::size_t>(shape.size()));
    set.images.push_back(from_row_major(shape, step));
    detail::require_finite(set.images.back(), path, "images");
  }
  set.origin = detail::read_origin(npz, path, classes);
  detail::read_labels(npz, path, classes, set);
  for (const Tensor<float>& labels : set.labels) detail::require_finite(labels, path, "labels");

  const auto& rates = io::require_values<float>(npz, path, "learning_rates", {-1, steps});
  set.learning_rates = Tensor<float>(Shape{npz.at("learning_rates").shape[0], steps}, std::span(rates));
  detail::require_finite(set.learning_rates, path, "learning_rates");

  set.normalization.mean = io::require_values<float>(npz, path, "mean", {channels});
  set.normalization.std = io::require_values<float>(npz, path, "std", {channels});
  for (const float mean : set.normalization.mean) {
    if (!std::isfinite(mean)) throw io::bad_content(path, "array 'mean'", "finite values", concat(mean));
  }
  for (const float deviation : set.normalization.std) {
    if (!(deviation > 0) || !std::isfinite(deviation)) {
      throw io::bad_content(path, "array 'std'", "positive, finite values", concat(deviation));
    }
  }
  if (npz.contains("momentum")) {
    set.momentum = io::require_values<float>(npz, path, "momentum", {1})[0];
    if (!(set.momentum >= 0 && set.momentum < 1)) {
      throw io::bad_content(path, "array 'momentum'", "a value in [0, 1)", concat(set.momentum));
    }
  }
  if (npz.contains("theta0")) {
    const auto& theta0 = io::require_values<float>(npz, path, "theta0", {-1});
    set.theta0 = Tensor<float>(Shape{static_cast<Index>(theta0.size())}, std::span(theta0));
    detail::require_finite(*set.theta0, path, "theta0");
  }
  return set;
}

/// Reads what `save` writes. @throws DataError as `from_npz`, or if it is no such file.
inline DistilledSet load(const std::filesystem::path& path, Index classes) {
  return from_npz(io::read_npz(path), path, classes);
}

}  // namespace hypertape::inline HYPERTAPE_ABI::distill
