#pragma once

#include <cstdint>

#include "hypertape/core/random.hpp"

namespace hypertape::distill {

/// What a stream of random numbers is for. Every purpose, and every iteration, epoch or network of it, has a stream of
/// its own, so that none depends on how much another has drawn, and a run can begin anywhere.
enum class Stream : std::uint64_t { hold_out, theta, images, batches, evaluation };

/// The stream of one purpose; `number` is the iteration, epoch or network.
inline Random random_stream(std::uint64_t seed, Stream purpose) {
  return Random(seed, {static_cast<std::uint64_t>(purpose)});
}
inline Random random_stream(std::uint64_t seed, Stream purpose, Index number) {
  return Random(seed, {static_cast<std::uint64_t>(purpose), static_cast<std::uint64_t>(number)});
}

}  // namespace hypertape::distill
