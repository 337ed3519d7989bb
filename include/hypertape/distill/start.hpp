#pragma once

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <utility>
#include <vector>

#include "hypertape/distill/distill_options.hpp"
#include "hypertape/distill/set_variants.hpp"
#include "hypertape/distill/training_plan.hpp"

namespace hypertape::inline HYPERTAPE_ABI::distill {

namespace detail {

/// Learning rates of this shape, (epochs, steps) or (1, 1), from a set. If the steps match, each is the set's rate for
/// the same step and epoch, or the last epoch's beyond it. Otherwise, or if unordered, all are the mean of the set's
/// rates.
inline Tensor<float> adapted_rates(const DistilledSet& from, const Shape& shape) {
  const Tensor<float> given = relayout(from.learning_rates, Layout::row_major);
  Tensor<float> rates(shape);
  if (given.shape()[1] == shape[1]) {
    const Index steps = shape[1];
    for (Index t = 0; t < rates.size(); ++t) {
      rates[t] = given[(std::min)(t / steps, given.shape()[0] - 1) * steps + t % steps];
    }
    return rates;
  }
  const auto values = given.values();
  const double sum = std::accumulate(values.begin(), values.end(), 0.0);
  rates.fill(static_cast<float>(sum / static_cast<double>(values.size())));
  return rates;
}

}  // namespace detail

/// Adapts a distilled set as the start of a distillation with these options. Order, steps, epochs and rule may differ,
/// and soft labels may replace hard ones. The images of each class are distributed in their order, and converted to the
/// dataset's normalization. @throws ArgumentError if the images have another size or number, if classes have unequally
/// many, or if soft labels would be lost.
inline DistilledSet adapted(const DistilledSet& from, const DistillOptions& options, const data::Dataset& dataset) {
  const auto refuse = [](const auto&... what) { throw ArgumentError("the set to start from ", what...); };
  const InnerLoopOptions& inner = options.inner_loop;
  const data::LabeledImages& real = dataset.train;
  const Index groups = inner.unordered ? 1 : inner.steps, per_class = options.images.per_class, K = real.classes;
  const Shape image = Shape::batch(1, real.channels, real.height, real.width);
  if (from.images.front().shape().with_samples(1) != image || from.classes() != K) {
    refuse("has images ", from.images.front().shape(), " of ", from.classes(), " classes, ", dataset.name, " has ",
           image, " of ", K);
  }
  if (from.soft_labels && !options.labels.soft) refuse("has soft labels; to keep them, set soft_labels");
  if (from.count() != groups * per_class * K) {
    refuse("has ", from.count(), " images, expected ", groups, " times ", per_class, " of ", K, " classes, ",
           groups * per_class * K);
  }
  const auto [images, labels] = all_images(from);
  const std::vector<std::int32_t> classes = largest_labels(labels);
  std::vector<std::vector<Index>> of_class(static_cast<std::size_t>(K));
  for (std::size_t n = 0; n < classes.size(); ++n) {
    of_class[static_cast<std::size_t>(classes[n])].push_back(static_cast<Index>(n));
  }
  DistilledSet set;
  for (Index group = 0; group < groups; ++group) {
    std::vector<Index> which;
    for (Index k = 0; k < K; ++k) {
      const std::vector<Index>& own = of_class[static_cast<std::size_t>(k)];
      if (static_cast<Index>(own.size()) != groups * per_class) {
        refuse("has ", own.size(), " images of class ", k, ", not ", groups * per_class);
      }
      for (Index i = 0; i < per_class; ++i) which.push_back(own[static_cast<std::size_t>(group * per_class + i)]);
    }
    set.images.push_back(detail::take_samples(images, which));
    set.labels.push_back(detail::take_samples(labels, which));
    if (!(from.normalization == dataset.normalization)) {
      set.images.back() =
          data::normalized(data::denormalized(set.images.back(), from.normalization), dataset.normalization);
    }
  }
  set.soft_labels = options.labels.soft;
  set.learning_rates = detail::adapted_rates(from, inner.unordered ? Shape{1, 1} : Shape{inner.epochs, inner.steps});
  if (inner.initial_learning_rate) set.learning_rates.fill(static_cast<float>(*inner.initial_learning_rate));
  if (inner.unordered) set.unordered = {inner.length(), inner.batch.value_or(from.count())};
  set.rule = inner.rule;
  set.augmentation = options.augmentation;
  set.normalization = dataset.normalization;
  return set;
}

}  // namespace hypertape::inline HYPERTAPE_ABI::distill
