#pragma once

#include <algorithm>

#include "hypertape/core/error.hpp"
#include "hypertape/core/shape.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

namespace detail {

/// The cut of N samples into blocks of nearly equal size. Threads own blocks, and partial results are added up in the
/// order of blocks, so the cut must depend on N alone and never on the number of threads.
class MicroBatches {
 public:
  /// At most `samples_per_block` each; 0 leaves all in one block. @throws ArgumentError if there are no samples, or the
  /// size of a block is negative.
  MicroBatches(Index total, Index samples_per_block) : total_(total) {
    if (total < 1 || samples_per_block < 0) {
      throw ArgumentError("MicroBatches: cannot cut ", total, " samples into blocks of ", samples_per_block);
    }
    if (samples_per_block > 0) count_ = (total + samples_per_block - 1) / samples_per_block;
  }

  /// The number of blocks.
  Index count() const { return count_; }
  /// The samples of one block.
  Range operator[](Index block) const { return {total_ * block / count_, total_ * (block + 1) / count_}; }

  /// A block's share of a mean over all samples.
  template <class T>
  T weight(Index block) const {
    return static_cast<T>((*this)[block].size()) / static_cast<T>(total_);
  }

 private:
  Index total_, count_ = 1;
};

/// How many samples of the large batch of an outer loss a block should have.
inline constexpr Index outer_samples_per_block = 16;

}  // namespace detail

/// How many samples of an inner step a block should have: few enough that two threads share ten images evenly, enough
/// to fill SIMD lanes, and few enough that a block's activations stay in the second-level cache.
inline Index inner_samples_per_block(Index samples) { return std::clamp<Index>((samples + 1) / 2, 5, 16); }

}  // namespace hypertape::inline HYPERTAPE_ABI
