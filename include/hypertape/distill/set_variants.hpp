#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "hypertape/data/dataset.hpp"
#include "hypertape/distill/distilled_set.hpp"
#include "hypertape/distill/random_purpose.hpp"

/// Distilled sets derived from other ones.
namespace hypertape::inline HYPERTAPE_ABI::distill {

/// The class of each sample's largest label (N, classes), the first if several are equal.
inline std::vector<std::int32_t> largest_labels(const Tensor<float>& labels) {
  const Index N = labels.shape()[0], K = labels.shape()[1];
  std::vector<std::int32_t> classes(static_cast<std::size_t>(N));
  for (Index n = 0; n < N; ++n) {
    Index best = 0;
    for (Index k = 1; k < K; ++k) {
      if (labels(n, k) > labels(n, best)) best = k;
    }
    classes[static_cast<std::size_t>(n)] = static_cast<std::int32_t>(best);
  }
  return classes;
}

/// The set with hard labels: each soft label is replaced by the class with its largest weight.
inline DistilledSet hardened(DistilledSet set) {
  for (Tensor<float>& labels : set.labels) {
    const std::vector<std::int32_t> classes = largest_labels(labels);
    labels = one_hot<float>(std::span<const std::int32_t>(classes), set.classes());
  }
  set.soft_labels = false;
  return set;
}

/// The set with its steps in random order, new for each epoch; learning rates keep their order. @throws ArgumentError
/// for an unordered set.
inline DistilledSet shuffled(const DistilledSet& set, std::uint64_t seed) {
  if (set.unordered) throw ArgumentError("shuffled: the set has no order");
  DistilledSet out = set;
  out.images.clear();
  out.labels.clear();
  for (Index epoch = 0; epoch < set.epochs(); ++epoch) {
    Random random = random_stream(seed, RandomPurpose::order, epoch);
    for (const Index s : random.permutation(set.steps())) {
      out.images.push_back(set.images[static_cast<std::size_t>(s)]);
      out.labels.push_back(set.labels[static_cast<std::size_t>(s)]);
    }
  }
  const std::vector<float> rates = to_row_major(set.learning_rates);
  out.learning_rates = Tensor<float>(Shape{1, set.learning_rates.size()}, std::span(rates));
  return out;
}

/// All images (N, C, H, W) and labels (N, classes) of a set, step by step.
inline std::pair<Tensor<float>, Tensor<float>> all_images(const DistilledSet& set) {
  const auto joined = [&](const std::vector<Tensor<float>>& parts) {
    const Index each = parts.front().shape()[0], N = set.count(), features = parts.front().size() / each;
    Tensor<float> all(parts.front().shape().with_samples(N));
    for (std::size_t s = 0; s < parts.size(); ++s) {
      for (Index f = 0; f < features; ++f) {
        std::copy_n(parts[s].data() + f * each, each, all.data() + f * N + static_cast<Index>(s) * each);
      }
    }
    return all;
  };
  return {joined(set.images), joined(set.labels)};
}

/// The set with each image replaced by a random real image of the class where its label is largest; labels, learning
/// rates and order stay. The draw is a function of seed and number; no image is drawn twice. @throws ArgumentError
/// naming a class with too few images among `which`.
inline DistilledSet with_real_images(DistilledSet set, const data::LabeledImages& real, std::span<const Index> which,
                                     std::uint64_t seed, Index number) {
  Random random = random_stream(seed, RandomPurpose::real_sets, number);
  std::vector<std::vector<Index>> of_class;
  for (int k = 0; k < real.classes; ++k) {
    const std::vector<Index> own = data::indices_of_class(real, which, k);
    of_class.emplace_back();
    for (const Index i : random.permutation(static_cast<Index>(own.size()))) {
      of_class.back().push_back(own[static_cast<std::size_t>(i)]);
    }
  }
  for (std::size_t s = 0; s < set.images.size(); ++s) {
    std::vector<Index> drawn;
    for (const std::int32_t k : largest_labels(set.labels[s])) {
      std::vector<Index>& left = of_class[static_cast<std::size_t>(k)];
      if (left.empty()) throw ArgumentError("real images: class ", k, " has fewer images than in the distilled set");
      drawn.push_back(left.back());
      left.pop_back();
    }
    data::gather(real, drawn, set.normalization, set.images[s]);
  }
  return set;
}

}  // namespace hypertape::inline HYPERTAPE_ABI::distill
