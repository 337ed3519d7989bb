#pragma once

#include <algorithm>
#include <cstdint>

#include "hypertape/data/dataset.hpp"
#include "hypertape/distill/random_purpose.hpp"

namespace hypertape::inline HYPERTAPE_ABI::distill {

/// The default number of held-out images among `count` training images: a fifth, from 1 to 5,000.
inline Index default_hold_out(Index count) { return std::clamp<Index>(count / 5, 1, 5000); }

/// Holds out this many training images, drawn with the seed. With the same seed, a smaller hold-out is a subset of a
/// larger one. @throws ArgumentError unless 0 <= held_out < images.count.
inline data::Split hold_out(const data::LabeledImages& images, Index held_out, std::uint64_t seed) {
  return data::split(images, held_out, random_stream(seed, RandomPurpose::hold_out).bits());
}

}  // namespace hypertape::inline HYPERTAPE_ABI::distill
