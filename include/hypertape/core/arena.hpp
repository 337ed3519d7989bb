#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <limits>
#include <new>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "hypertape/core/block_stack.hpp"
#include "hypertape/core/tensor.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

namespace detail {

/// Memory from the heap, uninitialized on purpose: pages that are never used are never backed.
class HeapBlock {
 public:
  explicit HeapBlock(std::size_t bytes)
      : memory_(static_cast<std::byte*>(::operator new (bytes, std::align_val_t{alignment}))), size_(bytes) {}
  HeapBlock(HeapBlock&& other) noexcept : memory_(std::exchange(other.memory_, nullptr)), size_(other.size_) {}
  HeapBlock& operator=(HeapBlock&& other) noexcept {
    std::swap(memory_, other.memory_);
    std::swap(size_, other.size_);
    return *this;
  }
  HeapBlock(const HeapBlock&) = delete;
  HeapBlock& operator=(const HeapBlock&) = delete;
  ~HeapBlock() { ::operator delete (memory_, std::align_val_t{alignment}); }

  std::byte* data() { return memory_; }
  bool contains(const void* address) const {
    const std::less_equal<> before;
    return before(memory_, address) && !before(memory_ + size_, address);
  }
  std::size_t size() const { return size_; }

 private:
  std::byte* memory_;
  std::size_t size_;
};

/// A stack of raw memory. `allocate` moves a pointer; `rewind(mark)` gives back everything allocated since the mark
/// was taken, and keeps the blocks for the next use: in a steady state nothing reaches the heap. It holds at most about
/// twice what its highest stack took, whatever the sizes before were (`detail::BlockStack`). Destructors are not run,
/// so only trivially destructible types may live here.
class Arena {
 public:
  using Mark = detail::BlockStack<detail::HeapBlock>::Mark;  ///< a height of the stack

  /// An allocation, as `trace` tells of it.
  struct Allocation {
    std::size_t bytes;   ///< as rounded up
    std::size_t height;  ///< allocations on the stack before it
  };

  /// Takes memory from the heap in blocks of this many bytes, or of one allocation where that is larger.
  explicit Arena(std::size_t block_bytes = std::size_t{1} << 20) : stack_(block_bytes) {}

  /// Uninitialized memory for `count` values, 64-byte aligned unless they are few, as a scalar's. @throws
  /// std::bad_alloc if it cannot be had.
  template <class T>
  T* allocate(Index count) {
    if (count < 0 || static_cast<std::size_t>(count) > most_bytes / sizeof(T)) throw std::bad_array_new_length();
    static_assert(std::is_trivially_destructible_v<T>, "an arena never runs destructors");
    const std::size_t wanted = (std::max)(std::size_t{1}, static_cast<std::size_t>(count) * sizeof(T));
    const std::size_t bytes = round_up(wanted, wanted <= few_bytes && alignof(T) <= 8 ? 8 : alignment);
    if (trace_ != nullptr) trace_->push_back({bytes, stack_.mark().allocations});
    const std::size_t offset = stack_.push(bytes);
    return static_cast<T*>(static_cast<void*>(stack_.top_block().data() + offset));
  }

  /// A copy of the values that lives as long as the arena's current stack.
  template <class T>
  T* copy(std::span<const T> values) {
    T* memory = allocate<T>(static_cast<Index>(values.size()));
    std::copy(values.begin(), values.end(), memory);
    return memory;
  }

  /// The present height of the stack.
  Mark mark() const { return stack_.mark(); }
  /// Gives back all that was allocated since the mark.
  void rewind(const Mark& mark) { stack_.rewind(mark); }

  /// Whether this is an address in one of the blocks.
  bool contains(const void* address) const {
    return std::ranges::any_of(stack_.blocks(), [&](const HeapBlock& block) { return block.contains(address); });
  }

  /// Bytes in use, with what is left over at the ends of full blocks.
  std::size_t used_bytes() const { return stack_.used_bytes(); }
  /// Bytes taken from the heap: what this arena costs the process.
  std::size_t reserved_bytes() const { return stack_.reserved_bytes(); }
  /// Bytes of a block, as the constructor was told.
  std::size_t block_bytes() const { return stack_.block_bytes(); }

  /// Appends every allocation to this list from now on; null ends that. It is how memory is forecast (ArenaForecast).
  void trace(std::vector<Allocation>* list) { trace_ = list; }

 private:
  static constexpr std::size_t most_bytes = (std::numeric_limits<std::ptrdiff_t>::max)() - 2 * alignment;

  static constexpr std::size_t few_bytes = 2 * alignment;

  static std::size_t round_up(std::size_t bytes, std::size_t unit) { return (bytes + unit - 1) / unit * unit; }

  detail::BlockStack<detail::HeapBlock> stack_;
  std::vector<Allocation>* trace_ = nullptr;
};

}  // namespace detail

}  // namespace hypertape::inline HYPERTAPE_ABI
