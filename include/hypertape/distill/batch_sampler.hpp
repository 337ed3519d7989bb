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

/// Samples the real images that an outer step is tested with: for each of its networks a batch of its own, varied by
/// augmentation and labeled as the objective wants it. All of it is a function of seed, iteration and network.
class BatchSampler {
 public:
  /// Of the training images `which`. The dataset must outlive it; `options` must be resolved.
  /// @throws ArgumentError unless the images fill a batch.
  BatchSampler(const data::Dataset& dataset, std::vector<Index> which, const DistillOptions& options)
      : dataset_(dataset),
        objective_(options.objective),
        augmentation_(options.augmentation),
        seed_(options.seed),
        size_(*options.real.batch),
        sequence_(dataset.train, std::move(which), size_, *options.real.balanced, seed_) {}

  /// Images of one batch.
  Index size() const { return size_; }

  /// Goes to an iteration, each of whose networks gets the next batch.
  void draw(long iteration, Index networks) {
    first_ = iteration * networks;
    batches_.resize(static_cast<std::size_t>(networks));
    for (Index i = 0; i < networks; ++i) sequence_.draw(first_ + i, batches_[static_cast<std::size_t>(i)]);
  }

  /// Makes `x` (N, C, H, W) and `y` (N, classes) the images and labels of these N places in a network's batch.
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
  std::vector<std::vector<Index>> batches_;  // of each network of the iteration
  Index first_ = 0;                          // number of the first of them in the sequence
};

}  // namespace hypertape::inline HYPERTAPE_ABI::distill
