#pragma once

#include <span>
#include <vector>

#include "hypertape/core/shape.hpp"

namespace hypertape::inline HYPERTAPE_ABI::optim {

/// The groups of weights that share a learning rate: consecutive ranges of theta.
class WeightGroups {
 public:
  /// Weights of one group, few enough for threads to share a long theta and for sums over them to be accurate.
  struct Chunk {
    Range weights;      ///< their positions in theta
    std::size_t group;  ///< the group of all of them
  };

  /// Forms groups of these sizes, which must add up to `weights`; without sizes, all weights form one group.
  void assign(Index weights, std::span<const Index> sizes) {
    chunks_.clear();
    Index begin = 0;
    const auto append = [&](Index size, std::size_t group) {
      for (const Index end = begin + size; begin < end;) {
        const Index next = end - begin < longest_chunk ? end : begin + longest_chunk;
        chunks_.push_back({{begin, next}, group});
        begin = next;
      }
    };
    if (sizes.empty()) append(weights, 0);
    for (std::size_t group = 0; group < sizes.size(); ++group) append(sizes[group], group);
  }

  /// The weights in chunks, cut in a way that depends only on their number and groups.
  std::span<const Chunk> chunks() const { return chunks_; }
  /// The number of groups.
  std::size_t count() const { return chunks_.empty() ? 0 : chunks_.back().group + 1; }

 private:
  static constexpr Index longest_chunk = 8192;

  std::vector<Chunk> chunks_;
};

}  // namespace hypertape::inline HYPERTAPE_ABI::optim
