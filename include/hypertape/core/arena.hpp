#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <new>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "hypertape/core/tensor.hpp"

namespace hypertape {

/// A stack of raw memory. `allocate` moves a pointer; `rewind(mark)` gives back everything allocated since the mark
/// was taken, and keeps the blocks for the next use: in a steady state nothing reaches the heap. Destructors are not
/// run, so only trivially destructible types may live here.
class Arena {
 public:
  /// A height of the stack.
  struct Mark {
    std::size_t block = 0;  ///< that is being filled
    std::size_t used = 0;   ///< bytes of it
  };

  /// Takes memory from the heap in blocks of this many bytes, or of one allocation where that is larger.
  explicit Arena(std::size_t block_bytes = std::size_t{1} << 20) : block_bytes_(block_bytes) {}
  /// Takes the other's blocks; the other is empty then.
  Arena(Arena&& other) noexcept
      : block_bytes_(other.block_bytes_), blocks_(std::move(other.blocks_)), top_(std::exchange(other.top_, {})) {}
  /// Exchanges the blocks of the two.
  Arena& operator=(Arena&& other) noexcept {
    std::swap(block_bytes_, other.block_bytes_);
    std::swap(blocks_, other.blocks_);
    std::swap(top_, other.top_);
    return *this;
  }
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  /// Uninitialised memory for `count` values, 64-byte aligned. @throws std::bad_alloc if it cannot be had.
  template <class T>
  T* allocate(Index count) {
    if (count < 0 || static_cast<std::size_t>(count) > most_bytes / sizeof(T)) throw std::bad_array_new_length();
    static_assert(std::is_trivially_destructible_v<T>, "an arena never runs destructors");
    const std::size_t bytes = round_up(std::max<std::size_t>(1, static_cast<std::size_t>(count) * sizeof(T)));
    while (top_.block < blocks_.size() && top_.used + bytes > blocks_[top_.block].size()) {
      ++top_.block;
      top_.used = 0;
    }
    if (top_.block == blocks_.size()) blocks_.emplace_back(std::max(block_bytes_, bytes));
    std::byte* memory = blocks_[top_.block].data() + top_.used;
    top_.used += bytes;
    return reinterpret_cast<T*>(memory);
  }

  /// A copy of the values that lives as long as the arena's current stack.
  template <class T>
  T* copy(std::span<const T> values) {
    T* memory = allocate<T>(static_cast<Index>(values.size()));
    std::copy(values.begin(), values.end(), memory);
    return memory;
  }

  /// The present height of the stack.
  Mark mark() const { return top_; }
  /// Gives back all that was allocated since the mark.
  void rewind(Mark mark) { top_ = mark; }

  /// Bytes in use, with what is left over at the ends of full blocks.
  std::size_t used_bytes() const {
    std::size_t bytes = top_.used;
    for (std::size_t block = 0; block < top_.block; ++block) bytes += blocks_[block].size();
    return bytes;
  }

  /// Bytes taken from the heap: what this arena costs the process.
  std::size_t reserved_bytes() const {
    std::size_t bytes = 0;
    for (const Block& block : blocks_) bytes += block.size();
    return bytes;
  }

 private:
  /// Uninitialised on purpose: pages that are never used are never backed by memory.
  class Block {
   public:
    explicit Block(std::size_t bytes)
        : memory_(static_cast<std::byte*>(::operator new (bytes, std::align_val_t{alignment}))), size_(bytes) {}
    Block(Block&& other) noexcept : memory_(other.memory_), size_(other.size_) { other.memory_ = nullptr; }
    Block& operator=(Block&& other) noexcept {
      std::swap(memory_, other.memory_);
      std::swap(size_, other.size_);
      return *this;
    }
    ~Block() { ::operator delete (memory_, std::align_val_t{alignment}); }
    std::byte* data() { return memory_; }
    std::size_t size() const { return size_; }

   private:
    std::byte* memory_;
    std::size_t size_;
  };

  static constexpr std::size_t most_bytes = std::numeric_limits<std::ptrdiff_t>::max() - 2 * alignment;

  static std::size_t round_up(std::size_t bytes) { return (bytes + alignment - 1) / alignment * alignment; }

  std::size_t block_bytes_;
  std::vector<Block> blocks_;
  Mark top_;
};

}  // namespace hypertape
