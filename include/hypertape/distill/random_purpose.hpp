#pragma once

#include <cstdint>

#include "hypertape/core/random.hpp"

namespace hypertape::inline HYPERTAPE_ABI::distill {

/// What a stream of random numbers is for. Every purpose, and every iteration, epoch or network of it, has a stream of
/// its own, so that none depends on how much another has drawn, and a run can begin anywhere.
enum class RandomPurpose : std::uint64_t {
  hold_out,
  theta,             ///< initial weights to distil for
  images,            ///< the images that distillation starts from
  batches,           ///< the order of the real images
  evaluation,        ///< initial weights to test with
  validation,        ///< initial weights to choose the best state with
  pool,              ///< which networks of a pool an iteration takes
  windows,           ///< where truncated loops stop
  pretraining,       ///< initial weights of a pool's networks
  order,             ///< the order of the real images in pre-training, of distilled ones in a test
  balanced_batches,  ///< the order of each class's real images
  inner_batches,     ///< what inner steps draw from a set without an order, in each outer iteration
  test_batches,      ///< what they draw for each network that is scored or tested
  real_sets,         ///< real images in the place of distilled ones, for each network that is tested
  trained_pool,      ///< which network of a pool that is trained along an iteration takes
};

/// The stream of one purpose; `number` is the iteration, epoch or network.
inline Random random_stream(std::uint64_t seed, RandomPurpose purpose) {
  return Random(seed, {static_cast<std::uint64_t>(purpose)});
}
/// The stream of one iteration, epoch or network of a purpose.
inline Random random_stream(std::uint64_t seed, RandomPurpose purpose, Index number) {
  return Random(seed, {static_cast<std::uint64_t>(purpose), static_cast<std::uint64_t>(number)});
}

}  // namespace hypertape::inline HYPERTAPE_ABI::distill
