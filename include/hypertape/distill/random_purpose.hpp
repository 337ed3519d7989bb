#pragma once

#include <cstdint>

#include "hypertape/core/random.hpp"

namespace hypertape::inline HYPERTAPE_ABI::distill {

/// The purpose of a random stream. Every purpose, and every iteration, epoch or network within it, has its own stream.
/// So none depends on how much another has drawn, and a run can be continued at any point.
enum class RandomPurpose : std::uint64_t {
  hold_out,
  theta,             ///< initial weights to distill for
  images,            ///< initial images of distillation
  batches,           ///< the order of the real images
  evaluation,        ///< initial weights for tests
  validation,        ///< initial weights to choose the best state with
  pool,              ///< which given networks an iteration uses
  windows,           ///< where truncated inner loops stop
  pretraining,       ///< initial weights of pre-trained networks
  order,             ///< the order of real images in pre-training, and of shuffled steps in a test
  balanced_batches,  ///< the order of the real images of each class
  inner_batches,     ///< what inner steps draw from an unordered set, per outer iteration
  test_batches,      ///< the same for each network that is scored or tested
  real_sets,         ///< real images that replace distilled ones, per tested network
  trained_pool,      ///< which network of a `TrainedPool` an iteration uses
};

/// The random stream of a purpose.
inline Random random_stream(std::uint64_t seed, RandomPurpose purpose) {
  return Random(seed, {static_cast<std::uint64_t>(purpose)});
}
/// The random stream of one iteration, epoch or network of a purpose.
inline Random random_stream(std::uint64_t seed, RandomPurpose purpose, Index number) {
  return Random(seed, {static_cast<std::uint64_t>(purpose), static_cast<std::uint64_t>(number)});
}

}  // namespace hypertape::inline HYPERTAPE_ABI::distill
