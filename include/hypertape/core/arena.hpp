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

/// A heap block, left uninitialized on purpose: the system never backs pages that are never touched.
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

/// A stack of raw memory. `allocate` moves a pointer; `rewind(mark)` frees everything allocated since the mark but
/// keeps the blocks for reuse, so that repeated work soon stops touching the heap. The arena holds at most about twice
/// the bytes of its highest stack, whatever the sizes of earlier allocations (`detail::BlockStack`). Destructors are
/// not run, so only trivially destructible types may live here.
class Arena {
 public:
  using Mark = detail::BlockStack<detail::HeapBlock>::Mark;  ///< a height of the stack

  /// An allocation as `trace` records it.
  struct Allocation {
    std::size_t bytes;   ///< rounded up for alignment
    std::size_t height;  ///< number of allocations below it on the stack
  };

  /// Takes memory from the heap in blocks of `block_bytes`; a larger allocation gets a block of its own size.
  explicit Arena(std::size_t block_bytes = std::size_t{1} << 20) : stack_(block_bytes) {}

  /// Returns uninitialized memory for `count` values, aligned to 64 bytes, or to 8 if it takes at most 128 bytes (a
  /// scalar, say). @throws std::bad_alloc if memory runs out.
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

  /// Copies the values into the arena; the copy lives until a rewind past it.
  template <class T>
  T* copy(std::span<const T> values) {
    T* memory = allocate<T>(static_cast<Index>(values.size()));
    std::copy(values.begin(), values.end(), memory);
    return memory;
  }

  /// The current height of the stack.
  Mark mark() const { return stack_.mark(); }
  /// Frees everything allocated since the mark.
  void rewind(const Mark& mark) { stack_.rewind(mark); }

  /// Whether the address lies in one of the blocks.
  bool contains(const void* address) const {
    return std::ranges::any_of(stack_.blocks(), [&](const HeapBlock& block) { return block.contains(address); });
  }

  /// Bytes in use, including what is left over at the ends of full blocks.
  std::size_t used_bytes() const { return stack_.used_bytes(); }
  /// Bytes taken from the heap: what this arena costs the process.
  std::size_t reserved_bytes() const { return stack_.reserved_bytes(); }
  /// The block size given to the constructor.
  std::size_t block_bytes() const { return stack_.block_bytes(); }

  /// Appends every allocation from now on to `list`, until called with null. ArenaForecast uses this to predict memory.
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
