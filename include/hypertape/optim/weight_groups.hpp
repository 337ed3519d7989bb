#pragma once

#include <span>
#include <vector>

#include "hypertape/core/shape.hpp"

namespace hypertape::inline HYPERTAPE_ABI::optim {

/// Which weights share a learning rate: runs of theta, one after the other.
class WeightGroups {
 public:
  /// Weights of one group, few enough that threads share out a long theta, and that sums over them are exact enough.
  struct Chunk {
    Range weights;      ///< their places in theta
    std::size_t group;  ///< which they all belong to
  };

  /// Runs of these sizes, which add up to all `weights`; with no sizes, all are one group.
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

  /// The weights, cut in a way that depends on their number and their groups alone.
  std::span<const Chunk> chunks() const { return chunks_; }
  /// How many groups there are.
  std::size_t count() const { return chunks_.empty() ? 0 : chunks_.back().group + 1; }

 private:
  static constexpr Index longest_chunk = 8192;

  std::vector<Chunk> chunks_;
};

}  // namespace hypertape::inline HYPERTAPE_ABI::optim
