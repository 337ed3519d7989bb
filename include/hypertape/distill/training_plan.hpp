#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "hypertape/core/row_major.hpp"
#include "hypertape/data/augment.hpp"
#include "hypertape/distill/batches.hpp"
#include "hypertape/distill/distilled_set.hpp"
#include "hypertape/unroll/hypergradient.hpp"

namespace hypertape::inline HYPERTAPE_ABI::distill {

namespace detail {

/// The samples `which` of a batch (N, ...), in this order.
template <class T>
Tensor<T> take_samples(const Tensor<T>& batch, std::span<const Index> which) {
  const Index N = batch.shape()[0], count = static_cast<Index>(which.size()), features = batch.size() / N;
  Tensor<T> taken(batch.shape().with_samples(count));
  for (Index f = 0; f < features; ++f) {
    for (Index n = 0; n < count; ++n) taken[f * count + n] = batch[f * N + which[static_cast<std::size_t>(n)]];
  }
  return taken;
}

/// The adjoint of `take_samples`: adds each sample to the sample of the batch that it was taken from.
template <class T>
void add_samples(const Tensor<T>& taken, std::span<const Index> which, Tensor<T>& batch) {
  const Index N = batch.shape()[0], count = static_cast<Index>(which.size()), features = batch.size() / N;
  for (Index f = 0; f < features; ++f) {
    for (Index n = 0; n < count; ++n) batch[f * N + which[static_cast<std::size_t>(n)]] += taken[f * count + n];
  }
}

}  // namespace detail

/// The derivatives of a loss with respect to a distilled set.
struct SetGradient {
  std::vector<Tensor<float>> images;  ///< in the set's shapes
  std::vector<Tensor<float>> labels;  ///< in the set's shapes; empty if these derivatives were not asked for
  Tensor<float> learning_rates;       ///< in the set's shape

  /// Calls visit(values) for each of these tensors.
  template <class Self, class Visit>
  static void for_each(Self& self, const Visit& visit) {
    for (auto& images : self.images) visit(images.values());
    for (auto& labels : self.labels) visit(labels.values());
    visit(self.learning_rates.values());
  }
};

/// The inputs of each step of one training run on a distilled set. Step s of an ordered set gets its own images. Each
/// step of an unordered set gets a random batch, or all images, at the single learning rate. If the set has an
/// augmentation, every step varies its images anew. The inputs are affine in images, and linear in labels and learning
/// rates; `pull_back` is the adjoint.
class TrainingPlan {
 public:
  /// Draws batches and variations from `random`. @throws ArgumentError if an unordered set is not sorted by class with
  /// equally many images in each.
  TrainingPlan(const DistilledSet& set, Random random) : augmentation_(set.augmentation) {
    const Index count = set.images.front().shape()[0];
    const bool whole = !set.unordered || set.unordered->batch >= count;  // every step uses all images it can
    if (whole && augmentation_.is_none()) return;
    std::optional<Batches> batches;
    if (!whole) batches.emplace(count, set.classes(), set.unordered->batch, random.bits());
    seed_ = random.bits();
    steps_.resize(static_cast<std::size_t>(set.steps() * set.epochs()));
    for (std::size_t t = 0; t < steps_.size(); ++t) {
      steps_[t] = {t % set.images.size(), data::all_indices(count)};
      if (batches) batches->draw(static_cast<Index>(t), steps_[t].which);
    }
  }

  /// The training run on the set from theta0.
  InnerLoop<float> loop(const DistilledSet& set, const Tensor<float>& theta0) const {
    InnerLoop<float> loop{theta0, set.images, set.labels, set.learning_rates, set.rule};
    if (steps_.empty()) {
      if (set.unordered) loop.learning_rates = Tensor<float>(Shape{set.steps(), 1}, set.learning_rates[0]);
      return loop;
    }
    loop.learning_rates = Tensor<float>(Shape{1, static_cast<Index>(steps_.size())}, set.learning_rates[0]);
    if (!set.unordered) std::ranges::copy(to_row_major(set.learning_rates), loop.learning_rates.data());
    loop.x.clear();
    loop.y.clear();
    for (std::size_t t = 0; t < steps_.size(); ++t) {
      const auto& [group, which] = steps_[t];
      loop.x.push_back(data::augment(detail::take_samples(set.images[group], which), augmentation_, draws(t)));
      loop.y.push_back(detail::take_samples(set.labels[group], which));
    }
    return loop;
  }

  /// Converts derivatives with respect to the training run to derivatives with respect to the set.
  SetGradient pull_back(const DistilledSet& set, const Hypergradient<float>& h) const {
    SetGradient gradient{h.x, h.y, h.learning_rates};
    if (set.unordered) {
      double rate = 0;
      for (const float derivative : h.learning_rates.values()) rate += static_cast<double>(derivative);
      gradient.learning_rates = Tensor<float>(set.learning_rates.shape(), static_cast<float>(rate));
    } else if (!steps_.empty()) {
      gradient.learning_rates = from_row_major(set.learning_rates.shape(), h.learning_rates.values());
    }
    if (steps_.empty()) return gradient;
    const auto gather_back = [&](const std::vector<Tensor<float>>& of_steps, const std::vector<Tensor<float>>& like,
                                 const auto& adjoint) {
      std::vector<Tensor<float>> all;
      if (of_steps.empty()) return all;
      for (const Tensor<float>& group : like) all.emplace_back(group.shape());
      for (std::size_t t = 0; t < of_steps.size(); ++t) {
        detail::add_samples(adjoint(of_steps[t], t), steps_[t].which, all[steps_[t].group]);
      }
      return all;
    };
    gradient.images = gather_back(h.x, set.images, [&](const Tensor<float>& derivative, std::size_t t) {
      return data::augment_adjoint(derivative, augmentation_, draws(t));
    });
    gradient.labels = gather_back(
        h.y, set.labels, [](const Tensor<float>& derivative, std::size_t) -> const auto& { return derivative; });
    return gradient;
  }

 private:
  struct Step {
    std::size_t group;         // index in the set's images
    std::vector<Index> which;  // samples of the group
  };

  data::AugmentationDraws draws(std::size_t t) const { return {seed_, t, 0}; }

  std::vector<Step> steps_;  // empty if each step's inputs are the set's own
  data::Augmentation augmentation_;
  std::uint64_t seed_ = 0;  // of the augmentation
};

}  // namespace hypertape::inline HYPERTAPE_ABI::distill
