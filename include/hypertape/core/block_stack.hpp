#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "hypertape/core/tensor.hpp"

namespace hypertape::inline HYPERTAPE_ABI::detail {

/// Where the allocations of a stack go: into blocks, which are added as it grows and kept when it shrinks. A Block is
/// made of its size in bytes and tells it as `size()`; nothing else is asked of it, so that memory can also be
/// forecast.
///
/// A free block that is too small for the allocation whose turn it is goes back, and a new block is taken only when no
/// free one is left. Of blocks in use, one was left only because the next allocation did not fit into its rest: its
/// size is less than what is used of it and of the next. So all blocks together have less than twice the bytes of the
/// highest stack so far, and one block more, whatever the sizes before were; and work that is repeated comes to rest.
template <class Block>
class BlockStack {
 public:
  /// A height of the stack.
  struct Mark {
    std::size_t block = 0;        ///< that is being filled
    std::size_t used = 0;         ///< bytes of it
    std::size_t allocations = 0;  ///< on the stack
  };

  /// Blocks have this many bytes, or those of one allocation where that is larger.
  explicit BlockStack(std::size_t block_bytes) : block_bytes_(block_bytes) {}
  /// Takes the other's blocks; the other is empty then.
  BlockStack(BlockStack&& other) noexcept
      : block_bytes_(other.block_bytes_), blocks_(std::move(other.blocks_)), top_(std::exchange(other.top_, {})) {}
  /// Exchanges the blocks of the two.
  BlockStack& operator=(BlockStack&& other) noexcept {
    std::swap(block_bytes_, other.block_bytes_);
    std::swap(blocks_, other.blocks_);
    std::swap(top_, other.top_);
    return *this;
  }
  BlockStack(const BlockStack&) = delete;
  BlockStack& operator=(const BlockStack&) = delete;
  ~BlockStack() = default;

  /// Puts so many bytes on the stack, a multiple of 8: they begin at the offset that it returns, in `top_block()`, a
  /// multiple of `alignment` if their number is.
  std::size_t push(std::size_t bytes) {
    if (bytes % alignment == 0) top_.used = (top_.used + alignment - 1) / alignment * alignment;
    if (top_.used > 0 && (top_.used > top_size() || bytes > top_size() - top_.used)) {
      ++top_.block;
      top_.used = 0;
    }
    if (top_.used == 0) {
      const auto free = blocks_.begin() + static_cast<std::ptrdiff_t>(top_.block);
      blocks_.erase(free, std::find_if(free, blocks_.end(), [&](const Block& block) { return bytes <= block.size(); }));
      if (top_.block == blocks_.size()) blocks_.emplace_back((std::max)(block_bytes_, bytes));
    }
    const std::size_t offset = top_.used;
    top_.used += bytes;
    ++top_.allocations;
    return offset;
  }
  /// The block of the newest allocation.
  Block& top_block() { return blocks_[top_.block]; }
  /// All blocks, free ones too.
  const std::vector<Block>& blocks() const { return blocks_; }

  /// The present height.
  const Mark& mark() const { return top_; }
  /// Takes off all that was put on since the mark.
  void rewind(const Mark& mark) { top_ = mark; }

  /// As the constructor was told.
  std::size_t block_bytes() const { return block_bytes_; }
  /// Bytes in use, with what is left over at the ends of full blocks.
  std::size_t used_bytes() const { return bytes_of_first(top_.block) + top_.used; }
  /// Bytes of all blocks.
  std::size_t reserved_bytes() const { return bytes_of_first(blocks_.size()); }

 private:
  std::size_t top_size() const { return blocks_[top_.block].size(); }
  std::size_t bytes_of_first(std::size_t count) const {
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < count; ++i) bytes += blocks_[i].size();
    return bytes;
  }

  std::size_t block_bytes_;
  std::vector<Block> blocks_;
  Mark top_;
};

}  // namespace hypertape::inline HYPERTAPE_ABI::detail
