#include "hypertape/core/arena_forecast.hpp"

#include <doctest/doctest.h>

#include <stdexcept>

#include "hypertape/core/random.hpp"

using namespace hypertape;
using hypertape::detail::Arena;
using hypertape::detail::ArenaTrace;
using hypertape::detail::trace;

namespace {

/// Some allocations of random sizes, with scratch memory in between; half of them stay.
void push(Arena& arena, std::uint64_t seed) {
  Random random(seed);
  const auto allocate = [&] { arena.allocate<float>(1 + static_cast<Index>(600 * random.uniform())); };
  for (int i = 0; i < 20; ++i) {
    allocate();
    const Arena::Mark before_scratch = arena.mark();
    for (int j = 0; j < i % 3; ++j) allocate();
    arena.rewind(before_scratch);
  }
}

}  // namespace

TEST_CASE("ArenaForecast: the bytes that an arena really holds, for stacks of work that is repeated and taken off") {
  constexpr std::size_t block_bytes = 4096;
  for (std::uint64_t seed = 1; seed < 20; ++seed) {
    Arena probe(block_bytes);
    const Arena::Mark bottom = probe.mark();
    const ArenaTrace kept = trace(probe, [&] { push(probe, seed); });
    const ArenaTrace taken_off = trace(probe, [&] {
      push(probe, seed + 100);
      probe.rewind(bottom);
    });
    CHECK(kept.after == 20);
    CHECK(taken_off.after == 0);

    Arena arena(block_bytes);
    hypertape::detail::ArenaForecast forecast(block_bytes);
    for (const int height : {3, 7, 2}) {
      std::vector<Arena::Mark> marks;
      for (int i = 0; i < height; ++i) {
        marks.push_back(arena.mark());
        push(arena, seed);
        forecast.repeat(kept);
        CHECK(forecast.reserved_bytes() == arena.reserved_bytes());
      }
      for (int i = height; i-- > 0;) {
        push(arena, seed + 100);
        arena.rewind(marks[static_cast<std::size_t>(i)]);
        forecast.repeat(taken_off);
        CHECK(forecast.reserved_bytes() == arena.reserved_bytes());
      }
    }
  }
}

TEST_CASE("ArenaTrace: nothing is traced after the work, be it that it throws") {
  Arena arena;
  const ArenaTrace one = trace(arena, [&] { arena.allocate<char>(1); });
  CHECK(one.allocations.size() == 1);
  CHECK(one.allocations[0].bytes == 8);
  CHECK(one.before == 0);
  CHECK(one.after == 1);
  CHECK_THROWS_AS(trace(arena, [] { throw std::runtime_error("work"); }), std::runtime_error);
  arena.allocate<char>(1);  // would write to a list that is gone
  CHECK(arena.mark().allocations == 2);
}
