#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "hypertape/core/tensor.hpp"

namespace hypertape::inline HYPERTAPE_ABI::detail {

/// A stack of allocations in blocks, which are added as the stack grows and kept when it shrinks. A Block is
/// constructed from its size in bytes and returns it as `size()`; nothing else is required of it, so a forecast can use
/// blocks without storage.
///
/// A free block too small for the next allocation is returned to the heap, and a new block is taken only when no free
/// one is left. A block in use was left only because the next allocation did not fit into the rest of it: its size is
/// less than the bytes used in it plus that allocation. So all blocks together have less than twice the bytes of the
/// highest stack so far, plus one block, whatever sizes came before; and repeated work reaches a steady state.
template <class Block>
class BlockStack {
 public:
  /// A height of the stack.
  struct Mark {
    std::size_t block = 0;        ///< the block being filled
    std::size_t used = 0;         ///< bytes used in it
    std::size_t allocations = 0;  ///< on the stack
  };

  /// Blocks have this many bytes, or the size of one allocation if that is larger.
  explicit BlockStack(std::size_t block_bytes) : block_bytes_(block_bytes) {}
  /// Takes over the other's blocks and leaves it empty.
  BlockStack(BlockStack&& other) noexcept
      : block_bytes_(other.block_bytes_), blocks_(std::move(other.blocks_)), top_(std::exchange(other.top_, {})) {}
  /// Swaps blocks with the other.
  BlockStack& operator=(BlockStack&& other) noexcept {
    std::swap(block_bytes_, other.block_bytes_);
    std::swap(blocks_, other.blocks_);
    std::swap(top_, other.top_);
    return *this;
  }
  BlockStack(const BlockStack&) = delete;
  BlockStack& operator=(const BlockStack&) = delete;
  ~BlockStack() = default;

  /// Pushes `bytes`, a multiple of 8, and returns their offset in `top_block()`. The offset is a multiple of
  /// `alignment` if `bytes` is.
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
  /// All blocks, including free ones.
  const std::vector<Block>& blocks() const { return blocks_; }

  /// The current height.
  const Mark& mark() const { return top_; }
  /// Takes off everything pushed since the mark.
  void rewind(const Mark& mark) { top_ = mark; }

  /// The block size given to the constructor.
  std::size_t block_bytes() const { return block_bytes_; }
  /// Bytes in use, including what is left over at the ends of full blocks.
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
