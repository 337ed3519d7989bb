#pragma once

#include <cstddef>
#include <vector>

#include "hypertape/core/arena.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

namespace detail {

/// The allocations of a piece of work, and the heights of the stack before and after it.
struct ArenaTrace {
  std::vector<Arena::Allocation> allocations;  ///< in order
  std::size_t before = 0;                      ///< allocations on the stack when the work began
  std::size_t after = 0;                       ///< allocations on the stack when it ended
};

/// Runs work() and records what it allocates from the arena.
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

/// Predicts, to the byte, what a new arena would hold after traced work, without taking the memory: it does the same
/// bookkeeping on blocks that have a size but no storage.
class ArenaForecast {
 public:
  /// Forecasts an arena with blocks of this size.
  explicit ArenaForecast(std::size_t block_bytes) : stack_(block_bytes) {}

  /// Repeats the work's allocations on top of the current stack.
  void repeat(const ArenaTrace& work) {
    const std::size_t bottom = marks_.size() - work.before;  // may wrap below 0 if the work ends lower than it began
    for (const Arena::Allocation& allocation : work.allocations) {
      rewind(bottom + allocation.height);
      marks_.push_back(stack_.mark());
      stack_.push(allocation.bytes);
    }
    rewind(bottom + work.after);
  }

  /// Rewinds the stack to this many allocations.
  void rewind(std::size_t allocations) {
    if (allocations >= marks_.size()) return;
    stack_.rewind(marks_[allocations]);
    marks_.resize(allocations);
  }
  /// The number of allocations on the stack.
  std::size_t allocations() const { return marks_.size(); }

  /// Bytes the arena would hold.
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
  std::vector<Stack::Mark> marks_;  // the height before each allocation on the stack
};

}  // namespace detail

}  // namespace hypertape::inline HYPERTAPE_ABI
