#pragma once

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "hypertape/distill/batches.hpp"
#include "hypertape/distill/distilled_set.hpp"
#include "hypertape/unroll/hypergradient.hpp"

namespace hypertape::inline HYPERTAPE_ABI::distill {

namespace detail {

/// Samples `which` of a batch (N, ...), in this order.
template <class T>
Tensor<T> take_samples(const Tensor<T>& batch, std::span<const Index> which) {
  const Index N = batch.shape()[0], count = static_cast<Index>(which.size()), features = batch.size() / N;
  Tensor<T> taken(batch.shape().with_samples(count));
  for (Index f = 0; f < features; ++f) {
    for (Index n = 0; n < count; ++n) taken[f * count + n] = batch[f * N + which[static_cast<std::size_t>(n)]];
  }
  return taken;
}

/// The adjoint of `take_samples`: adds each sample to the one of the batch that it was.
template <class T>
void add_samples(const Tensor<T>& taken, std::span<const Index> which, Tensor<T>& batch) {
  const Index N = batch.shape()[0], count = static_cast<Index>(which.size()), features = batch.size() / N;
  for (Index f = 0; f < features; ++f) {
    for (Index n = 0; n < count; ++n) batch[f * N + which[static_cast<std::size_t>(n)]] += taken[f * count + n];
  }
}

}  // namespace detail

/// Derivatives with respect to a distilled set.
struct SetGradient {
  std::vector<Tensor<float>> images;  ///< as the set's
  std::vector<Tensor<float>> labels;  ///< as the set's; none if these derivatives were not wanted
  Tensor<float> learning_rates;       ///< as the set's
};

/// What the steps of one training run are given of a distilled set: of an ordered one, step s its own images; of one
/// without an order each step a batch drawn at random, or all images, at the one learning rate. That is linear in
/// images, labels and learning rates, and `pull_back` is its adjoint.
class TrainingPlan {
 public:
  /// The draws are a function of `random`. @throws ArgumentError if a set without an order is not class by class.
  TrainingPlan(const DistilledSet& set, Random random) {
    if (!set.unordered) return;
    const auto& [steps, batch] = *set.unordered;
    if (batch >= set.images.front().shape()[0]) return;  // all of it, in each step
    Batches batches(set.images.front().shape()[0], set.classes(), batch, random.bits());
    drawn_.resize(static_cast<std::size_t>(steps));
    for (std::size_t t = 0; t < drawn_.size(); ++t) batches.draw(static_cast<Index>(t), drawn_[t]);
  }

  /// The training run on the set, from theta0.
  InnerLoop<float> loop(const DistilledSet& set, const Tensor<float>& theta0) const {
    InnerLoop<float> loop{theta0, set.images, set.labels, set.learning_rates, set.rule};
    if (!set.unordered) return loop;
    const Index steps = set.unordered->steps;
    const bool drawn = !drawn_.empty();
    loop.learning_rates = Tensor<float>(drawn ? Shape{1, steps} : Shape{steps, 1}, set.learning_rates[0]);
    if (!drawn) return loop;
    loop.x.clear();
    loop.y.clear();
    for (const std::vector<Index>& which : drawn_) {
      loop.x.push_back(detail::take_samples(set.images.front(), which));
      loop.y.push_back(detail::take_samples(set.labels.front(), which));
    }
    return loop;
  }

  /// The derivatives with respect to the set, of those with respect to the training run on it.
  SetGradient pull_back(const DistilledSet& set, const Hypergradient<float>& h) const {
    SetGradient gradient{h.x, h.y, h.learning_rates};
    if (!set.unordered) return gradient;
    double rate = 0;
    for (const float derivative : h.learning_rates.values()) rate += static_cast<double>(derivative);
    gradient.learning_rates = Tensor<float>(set.learning_rates.shape(), static_cast<float>(rate));
    if (drawn_.empty()) return gradient;
    const auto gather_back = [&](const std::vector<Tensor<float>>& of_steps, const Tensor<float>& like) {
      std::vector<Tensor<float>> all(of_steps.empty() ? 0U : 1U, Tensor<float>(like.shape()));
      for (std::size_t t = 0; t < of_steps.size(); ++t) detail::add_samples(of_steps[t], drawn_[t], all[0]);
      return all;
    };
    gradient.images = gather_back(h.x, set.images.front());
    gradient.labels = gather_back(h.y, set.labels.front());
    return gradient;
  }

 private:
  std::vector<std::vector<Index>> drawn_;  // of each step; empty if steps are given what the set has
};

}  // namespace hypertape::inline HYPERTAPE_ABI::distill
