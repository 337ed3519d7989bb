#include "hypertape/core/arena.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "hypertape/core/random.hpp"

using namespace hypertape;
using hypertape::detail::Arena;

TEST_CASE("Arena: everything is 64-byte aligned, or to 8 bytes if it is little, and apart") {
  struct alignas(32) Wide {
    double values[4];
  };
  const auto remainder = [](const void* memory, std::size_t unit) {
    return reinterpret_cast<std::uintptr_t>(memory) % unit;
  };
  Arena arena(1024);
  std::vector<std::pair<const char*, const char*>> taken;
  for (Index count = 1; count < 400; ++count) {
    char* memory = arena.allocate<char>(count);
    std::fill_n(memory, count, 'x');
    CHECK(remainder(memory, count > 128 ? hypertape::detail::alignment : 8) == 0);
    taken.emplace_back(memory, memory + count);
    CHECK(remainder(arena.allocate<Wide>(1), alignof(Wide)) == 0);
  }
  std::sort(taken.begin(), taken.end());
  for (std::size_t i = 1; i < taken.size(); ++i) CHECK(taken[i - 1].second <= taken[i].first);
}

TEST_CASE("Arena: a scalar takes no more than it needs") {
  Arena arena;
  double* first = arena.allocate<double>(1);
  double* second = arena.allocate<double>(1);
  CHECK(second - first == 1);
}

TEST_CASE("Arena: an allocation of nothing has an address of its own") {
  Arena arena;
  CHECK(arena.allocate<double>(0) != arena.allocate<double>(0));
}

TEST_CASE("Arena: rewinding gives the same memory again, and takes no more from the heap") {
  Arena arena(1024);
  arena.allocate<float>(100);
  const Arena::Mark mark = arena.mark();
  const auto work = [&arena] {
    std::vector<void*> addresses;
    for (const Index count : {10, 300, 5000, 1, 64}) addresses.push_back(arena.allocate<float>(count));
    return addresses;
  };
  const std::vector<void*> first = work();
  const std::size_t reserved = arena.reserved_bytes();
  for (int round = 0; round < 3; ++round) {
    arena.rewind(mark);
    CHECK(work() == first);
    CHECK(arena.reserved_bytes() == reserved);
  }
}

TEST_CASE("Arena: what came before the mark survives the rewind") {
  Arena arena(256);
  const std::array<int, 3> values = {1, 2, 3};
  const int* kept = arena.copy(std::span<const int>(values));
  const Arena::Mark mark = arena.mark();
  std::fill_n(arena.allocate<int>(1000), 1000, 9);
  arena.rewind(mark);
  std::fill_n(arena.allocate<int>(1000), 1000, 8);
  CHECK(std::equal(values.begin(), values.end(), kept));
}

TEST_CASE("Arena: an allocation larger than a block gets a block of its size") {
  Arena arena(128);
  auto* memory = arena.allocate<double>(100000);
  memory[0] = memory[99999] = 1;
  CHECK(arena.reserved_bytes() == 800000);
}

TEST_CASE("Arena: nothing is reserved before it is needed") {
  Arena arena(1 << 20);
  CHECK(arena.reserved_bytes() == 0);
  arena.allocate<char>(1);
  CHECK(arena.reserved_bytes() == 1 << 20);
}

TEST_CASE("Arena: a move takes the memory along, and leaves an empty arena") {
  Arena arena(128);
  auto* memory = arena.allocate<int>(32);
  *memory = 5;
  Arena moved = std::move(arena);
  CHECK(moved.reserved_bytes() == 128);
  CHECK(arena.reserved_bytes() == 0);  // NOLINT(bugprone-use-after-move): it is empty, and of use
  std::fill_n(arena.allocate<int>(32), 32, 7);
  CHECK(*memory == 5);
  moved = Arena(256);
  moved.allocate<int>(1);
  CHECK(moved.reserved_bytes() == 256);
}

namespace {

/// Bytes that a new arena holds after these allocations.
std::size_t needed(const std::vector<Index>& counts, std::size_t block_bytes) {
  Arena arena(block_bytes);
  for (const Index count : counts) arena.allocate<char>(count);
  return arena.reserved_bytes();
}

}  // namespace

TEST_CASE("Arena: growing allocations, rewound each time, hold what the largest need") {
  Arena arena;
  for (Index count = 200000; count <= 400000; count += 2000) {
    arena.rewind({});
    for (int array = 0; array < 10; ++array) arena.allocate<double>(count);
    CHECK(arena.reserved_bytes() <= 2 * static_cast<std::size_t>(10 * count) * sizeof(double));
  }
  CHECK(arena.reserved_bytes() <= 2 * 10 * 400000 * sizeof(double));
}

TEST_CASE("Arena: whatever the sizes before were, it holds at most twice the largest use and a block") {
  constexpr std::size_t block_bytes = 4096;
  Random random(1);
  for (int trial = 0; trial < 20; ++trial) {
    Arena arena(block_bytes);
    std::size_t largest = 0;
    for (int call = 0; call < 200; ++call) {
      std::vector<Index> counts;
      const double scale = std::pow(10, 1 + 5 * random.uniform());
      for (double left = 20 * random.uniform(); left > 0; --left) {
        counts.push_back(1 + static_cast<Index>(scale * random.uniform()));
      }
      arena.rewind({});
      for (const Index count : counts) arena.allocate<char>(count);
      largest = std::max(largest, arena.used_bytes());
      CHECK(arena.reserved_bytes() <= 2 * largest + block_bytes);
      CHECK(arena.reserved_bytes() <= 2 * std::max(largest, needed(counts, block_bytes)) + block_bytes);
    }
  }
}

TEST_CASE("Arena: two kinds of work in turns come to rest") {
  Arena arena(1024);
  const auto work = [&](std::initializer_list<Index> counts) {
    arena.rewind({});
    for (const Index count : counts) arena.allocate<char>(count);
    return arena.reserved_bytes();
  };
  const auto both = [&] { return std::pair(work({700, 1500, 1500, 1500}), work({100, 2000, 900, 5000, 10})); };
  both();
  both();
  const auto resting = both();
  CHECK(resting.first == resting.second);
  CHECK(both() == resting);
}
