#pragma once

#include <algorithm>

#include "hypertape/core/error.hpp"
#include "hypertape/core/shape.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

namespace detail {

/// Cuts N samples into blocks of nearly equal size. Threads own blocks, and partial results are summed in block order,
/// so the cut must depend on N alone and never on the number of threads.
class MicroBatches {
 public:
  /// Blocks hold at most `samples_per_block` samples; 0 puts all samples into one block. @throws ArgumentError if there
  /// are no samples or `samples_per_block` is negative.
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

  /// A block's weight in the mean over all samples.
  template <class T>
  T weight(Index block) const {
    return static_cast<T>((*this)[block].size()) / static_cast<T>(total_);
  }

 private:
  Index total_, count_ = 1;
};

/// Samples per block for the large batch of an outer loss.
inline constexpr Index outer_samples_per_block = 16;

}  // namespace detail

/// Samples per block for an inner step: few enough that two threads share ten images evenly and that a block's
/// activations stay in the second-level cache, but enough to fill the SIMD lanes.
inline Index inner_samples_per_block(Index samples) { return std::clamp<Index>((samples + 1) / 2, 5, 16); }

}  // namespace hypertape::inline HYPERTAPE_ABI
