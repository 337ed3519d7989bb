#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "hypertape/core/micro_batches.hpp"
#include "hypertape/data/augment.hpp"
#include "hypertape/data/dataset.hpp"
#include "hypertape/distill/batches.hpp"
#include "hypertape/distill/distill_options.hpp"

namespace hypertape::inline HYPERTAPE_ABI::distill {

/// Draws the batches of real images for an outer step: one for each of its networks, augmented, with the labels that
/// the objective wants. Everything is a function of seed, iteration and network.
class BatchSampler {
 public:
  /// Samples from the training images `which`. The dataset must outlive the sampler; `options` must be resolved.
  /// @throws ArgumentError if there are fewer images than a batch.
  BatchSampler(const data::Dataset& dataset, std::vector<Index> which, const DistillOptions& options)
      : dataset_(dataset),
        objective_(options.objective),
        augmentation_(options.augmentation),
        seed_(options.seed),
        size_(*options.real.batch),
        sequence_(dataset.train, std::move(which), size_, *options.real.balanced, seed_) {}

  /// The batch size.
  Index size() const { return size_; }

  /// Moves to an iteration and draws the next batch for each of its networks.
  void draw(long iteration, Index networks) {
    first_ = iteration * networks;
    batches_.resize(static_cast<std::size_t>(networks));
    for (Index i = 0; i < networks; ++i) sequence_.draw(first_ + i, batches_[static_cast<std::size_t>(i)]);
  }

  /// Loads the images x (N, C, H, W) and labels y (N, classes) at these N positions of a network's batch.
  void load(Index network, Range places, Tensor<float>& x, Tensor<float>& y) const {
    const auto which = std::span<const Index>(batches_[static_cast<std::size_t>(network)])
                           .subspan(static_cast<std::size_t>(places.begin), static_cast<std::size_t>(places.size()));
    data::gather(dataset_.train, which, dataset_.normalization, x);
    x = data::augment(std::move(x), augmentation_, {seed_, static_cast<std::uint64_t>(first_ + network), places.begin});
    data::gather_one_hot(dataset_.train, which, y);
    objective_.relabel(y);
  }

 private:
  const data::Dataset& dataset_;
  Objective objective_;
  data::Augmentation augmentation_;
  std::uint64_t seed_;
  Index size_;
  Batches sequence_;
  std::vector<std::vector<Index>> batches_;  // one per network of the iteration
  Index first_ = 0;                          // sequence number of the iteration's first batch
};

}  // namespace hypertape::inline HYPERTAPE_ABI::distill
