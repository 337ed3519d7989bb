#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "hypertape/core/row_major.hpp"
#include "hypertape/data/augment.hpp"
#include "hypertape/data/checksum.hpp"
#include "hypertape/data/dataset.hpp"
#include "hypertape/data/whitening.hpp"
#include "hypertape/io/npz.hpp"
#include "hypertape/ops/losses.hpp"
#include "hypertape/optim/known_rules.hpp"

namespace hypertape::inline HYPERTAPE_ABI::distill {

using hypertape::detail::concat;

/// The largest number of steps that an inner loop may have.
inline constexpr Index most_inner_steps = 100000;

/// The dataset that a distilled set was made from.
struct Origin {
  std::string dataset;                        ///< its name
  std::int64_t data_checksum = 0;             ///< of its images, labels and class names (data/checksum.hpp)
  Index classes = 0;                          ///< number of classes
  std::vector<std::string> class_names = {};  ///< empty if classes have only numbers

  /// Whether both are the same dataset.
  friend bool operator==(const Origin&, const Origin&) = default;
};

/// The origin of sets that are made from this dataset.
inline Origin origin_of(const data::Dataset& dataset) {
  return {dataset.name, data::checksum_of(dataset), dataset.train.classes, dataset.class_names};
}

/// How networks are trained on an unordered set: each step uses a random batch, balanced over the classes to within one
/// image.
struct Unordered {
  Index steps = 1;  ///< per training run
  Index batch = 1;  ///< images per step; all of them if there are no more

  /// Whether both are the same.
  friend bool operator==(const Unordered&, const Unordered&) = default;
};

/// What distillation learns, and what is needed to train a network on it. An ordered set, as in the paper, has images
/// and labels for each step, and a learning rate for each step of each epoch. An unordered set has one batch of all
/// images, class by class with equally many in each, and one learning rate.
struct DistilledSet {
  std::vector<Tensor<float>> images;     ///< one batch per step (images, C, H, W), in normalized space
  std::vector<Tensor<float>> labels;     ///< one per step (images, classes): one-hot, or soft
  bool soft_labels = false;              ///< whether labels are learned weights rather than classes
  Tensor<float> learning_rates;          ///< (epochs, steps); (1, 1) if unordered
  std::optional<Unordered> unordered{};  ///< nothing for an ordered set
  optim::Rule<float> rule{};             ///< of the inner steps
  data::Augmentation augmentation{};     ///< of the images in each step
  data::Normalization normalization;     ///< of the images
  std::optional<Tensor<float>> theta0;   ///< (P), if made for a fixed initialization
  std::optional<Origin> origin;          ///< the dataset it was made from; unknown in files of older versions

  /// Steps per epoch.
  Index steps() const { return unordered ? unordered->steps : static_cast<Index>(images.size()); }
  /// Passes over the steps.
  Index epochs() const { return unordered ? 1 : learning_rates.shape()[0]; }
  /// The total number of images.
  Index count() const { return static_cast<Index>(images.size()) * images.front().shape()[0]; }
  /// The number of classes, the columns of the labels.
  Index classes() const { return labels.front().shape()[1]; }
  /// Images per class: in each step of an ordered set, in total in an unordered one.
  double images_per_class() const {
    return static_cast<double>(images.front().shape()[0]) / static_cast<double>(classes());
  }
};

namespace detail {

/// Encodes text as an array of its bytes.
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

/// Converts a set to arrays, as in docs/file-formats.md. Always present are images (steps, images, C, H, W), labels
/// (steps, images) int64 or (steps, images, classes), learning_rates (epochs, steps), and mean and std (C). There is
/// rule (optim/known_rules.hpp) unless it is plain gradient descent, and augmentation (data/augment.hpp) unless it is
/// none, both as the bytes of their text; and theta0 (P) if the set has it. An unordered set has the images of a single
/// step, and unordered (2): steps and batch. Its origin is classes (1), data_checksum (1), and dataset and class_names
/// as bytes, each name followed by a 0.
inline io::Npz to_npz(const DistilledSet& set) {
  const auto steps = static_cast<Index>(set.images.size());
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
  const Shape& rates = set.learning_rates.shape();
  npz["learning_rates"] = {{rates[0], rates[1]}, to_row_major(set.learning_rates)};
  npz["mean"] = {{one[1]}, set.normalization.mean};
  npz["std"] = {{one[1]}, set.normalization.std};
  if (!set.rule->is_plain_descent()) npz["rule"] = detail::text_array(optim::text_of(set.rule));
  if (!set.augmentation.is_none()) npz["augmentation"] = detail::text_array(data::text_of(set.augmentation));
  if (set.unordered) npz["unordered"] = {{2}, std::vector<std::int64_t>{set.unordered->steps, set.unordered->batch}};
  if (set.theta0) npz["theta0"] = {{set.theta0->size()}, to_row_major(*set.theta0)};
  if (set.origin) detail::save_origin(*set.origin, npz);
  return npz;
}

/// Writes the arrays of `to_npz` to a file, and for a whitening of images of D values the arrays whitening (D, D) and
/// whitening_mean (D). @throws DataError if the file cannot be written.
inline void save(const DistilledSet& set, const std::filesystem::path& path) {
  io::Npz npz = to_npz(set);
  if (const data::Whitening* whitening = set.normalization.whitening.get()) {
    const Index D = whitening->dimension();
    npz["whitening"] = {{D, D}, to_row_major(whitening->matrix())};
    npz["whitening_mean"] = {{D}, to_row_major(whitening->mean())};
  }
  io::write_npz(path, npz);
}

namespace detail {

/// Splits a label array into one-hot or soft batches, one per step.
inline void read_labels(const io::Npz& npz, const std::filesystem::path& path, Index classes, DistilledSet& set) {
  const auto steps = static_cast<Index>(set.images.size());
  const Index count = set.images.front().shape()[0];
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

/// The text whose bytes an array holds; empty if there is no such array.
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

/// The origin that the file records, if any. @throws DataError if it had another number of classes.
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

/// Reads the whitening of images of D values.
inline std::shared_ptr<const data::Whitening> read_whitening(const io::Npz& npz, const std::filesystem::path& path,
                                                             Index D) {
  const auto& matrix = io::require_values<float>(npz, path, "whitening", {D, D});
  const auto& mean = io::require_values<float>(npz, path, "whitening_mean", {D});
  try {
    return std::make_shared<const data::Whitening>(Tensor<float>(Shape{D, D}, std::span(matrix)),
                                                   Tensor<float>(Shape{D}, std::span(mean)));
  } catch (const ArgumentError& error) {
    throw io::bad_content(path, "arrays 'whitening'", "a symmetric matrix and a mean", error.what());
  }
}

/// Reads how networks are trained on the set, except for the learning rates.
inline void read_training(const io::Npz& npz, const std::filesystem::path& path,
                          const std::vector<optim::NamedRule<float>>& rules, DistilledSet& set) {
  const auto expect = [&](const char* array, const char* expected, const auto& read) {
    try {
      read();
    } catch (const ArgumentError& error) {
      throw io::bad_content(path, concat("array '", array, "'"), expected, error.what());
    }
  };
  if (const std::string words = read_text(npz, path, "augmentation"); !words.empty()) {
    expect("augmentation", "an augmentation", [&] { set.augmentation = data::augmentation_from_text(words); });
  }
  if (const std::string rule = read_text(npz, path, "rule"); !rule.empty()) {
    expect("rule", "an update rule", [&] { set.rule = optim::rule_from_text<float>(rule, rules); });
  } else if (npz.contains("momentum")) {  // written by versions before 0.7
    set.rule = optim::HeavyBall{};
    set.rule["momentum"] = io::require_values<float>(npz, path, "momentum", {1})[0];
    expect("momentum", "a coefficient", [&] { set.rule.validate(); });
  }
  if (!npz.contains("unordered")) return;
  const auto& sizes = io::require_values<std::int64_t>(npz, path, "unordered", {2});
  set.unordered = {sizes[0], sizes[1]};
  const Index count = set.count(), classes = set.classes();
  if (sizes[0] < 1 || sizes[0] > most_inner_steps || sizes[1] < 1 || sizes[1] > count) {
    throw io::bad_content(path, "array 'unordered'",
                          concat("1 .. ", most_inner_steps, " steps of 1 .. ", count, " images"),
                          concat(sizes[0], " of ", sizes[1]));
  }
  const Shape& rates = set.learning_rates.shape();
  if (set.images.size() != 1 || rates[0] != 1) {
    throw io::bad_content(path, "array 'unordered'", "images of one step, and one learning rate",
                          concat(set.images.size(), " steps, and rates ", rates));
  }
  if (count % classes != 0) {
    throw io::bad_content(path, "array 'images'", concat("equally many images of each of ", classes, " classes"),
                          concat(count));
  }
}

}  // namespace detail

/// Reads a set from its arrays, for networks with `classes` outputs. Errors name `path`, where the arrays come from.
/// The set's rule may be one of `rules`. @throws DataError naming the array if one is missing, has a wrong shape or
/// type, or an invalid value: a label outside the classes, a NaN, a deviation of zero, a whitening that is not
/// symmetric, an unknown rule; or if the set was made for another number of classes.
inline DistilledSet from_npz(const io::Npz& npz, const std::filesystem::path& path, Index classes,
                             const std::vector<optim::NamedRule<float>>& rules = optim::known_rules<float>()) {
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
  if (npz.contains("whitening")) set.normalization.whitening = detail::read_whitening(npz, path, shape.features());
  detail::read_training(npz, path, rules, set);
  if (npz.contains("theta0")) {
    const auto& theta0 = io::require_values<float>(npz, path, "theta0", {-1});
    set.theta0 = Tensor<float>(Shape{static_cast<Index>(theta0.size())}, std::span(theta0));
    detail::require_finite(*set.theta0, path, "theta0");
  }
  return set;
}

/// Reads a file written by `save`. @throws DataError as `from_npz`, or if it is not such a file.
inline DistilledSet load(const std::filesystem::path& path, Index classes,
                         const std::vector<optim::NamedRule<float>>& rules = optim::known_rules<float>()) {
  return from_npz(io::read_npz(path), path, classes, rules);
}

/// Reads a set to replace `like` from arrays of `to_npz` whose names begin with `prefix`. The rule may be one of the
/// user's own if `like` has it. @throws DataError as `from_npz`, or if anything has another shape.
inline DistilledSet from_npz_like(const DistilledSet& like, const io::Npz& npz, const std::string& prefix,
                                  const std::filesystem::path& path) {
  std::vector<optim::NamedRule<float>> rules = optim::known_rules<float>();
  rules.push_back({like.rule->name(), like.rule});
  DistilledSet set = from_npz(io::with_prefix(npz, prefix), path, like.classes(), rules);
  set.normalization.whitening = like.normalization.whitening;  // the dataset's, and so not in checkpoints
  if (set.images.size() == like.images.size() && set.images.front().shape() == like.images.front().shape() &&
      set.learning_rates.shape() == like.learning_rates.shape() && set.unordered == like.unordered) {
    return set;
  }
  throw DataError(path.string(), ": arrays '", prefix,
                  ".*': expected the steps, epochs and images of this run, found others");
}

}  // namespace hypertape::inline HYPERTAPE_ABI::distill
