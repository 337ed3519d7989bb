#pragma once

#include <cstddef>
#include <vector>

#include "hypertape/core/arena.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

namespace detail {

/// The allocations of some work, and the heights of the stack before and after it.
struct ArenaTrace {
  std::vector<Arena::Allocation> allocations;  ///< in their order
  std::size_t before = 0;                      ///< allocations on the stack when the work began
  std::size_t after = 0;                       ///< and when it ended
};

/// What work() allocates from the arena.
template <class Work>
ArenaTrace trace(Arena& arena, const Work& work) {
  ArenaTrace result;
  result.before = arena.mark().allocations;
  arena.trace(&result.allocations);
  try {
    work();
  } catch (...) {
    arena.trace(nullptr);
    throw;
  }
  arena.trace(nullptr);
  result.after = arena.mark().allocations;
  return result;
}

/// What a new arena would hold after work that was traced, to the byte and without taking the memory: the same
/// bookkeeping, on blocks that are sizes alone.
class ArenaForecast {
 public:
  /// As for Arena.
  explicit ArenaForecast(std::size_t block_bytes) : stack_(block_bytes) {}

  /// Does the work again, on top of what is on the stack.
  void repeat(const ArenaTrace& work) {
    const std::size_t bottom = marks_.size() - work.before;  // work that ends lower than it began may wrap around
    for (const Arena::Allocation& allocation : work.allocations) {
      rewind(bottom + allocation.height);
      marks_.push_back(stack_.mark());
      stack_.push(allocation.bytes);
    }
    rewind(bottom + work.after);
  }

  /// Takes all allocations but so many off the stack.
  void rewind(std::size_t allocations) {
    if (allocations >= marks_.size()) return;
    stack_.rewind(marks_[allocations]);
    marks_.resize(allocations);
  }
  /// The allocations on the stack.
  std::size_t allocations() const { return marks_.size(); }

  /// Bytes that the arena would hold.
  std::size_t reserved_bytes() const { return stack_.reserved_bytes(); }

 private:
  class Block {
   public:
    explicit Block(std::size_t bytes) : size_(bytes) {}
    std::size_t size() const { return size_; }

   private:
    std::size_t size_;
  };
  using Stack = detail::BlockStack<Block>;

  Stack stack_;
  std::vector<Stack::Mark> marks_;  // before each allocation on the stack
};

}  // namespace detail

}  // namespace hypertape::inline HYPERTAPE_ABI
