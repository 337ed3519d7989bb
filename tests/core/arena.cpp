#include "hypertape/core/arena.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

using namespace hypertape;

TEST_CASE("Arena: everything is 64-byte aligned and apart") {
  Arena arena(1024);
  const char* previous = nullptr;
  for (Index count = 1; count < 200; ++count) {
    char* memory = arena.allocate<char>(count);
    std::fill_n(memory, count, 'x');
    CHECK(reinterpret_cast<std::uintptr_t>(memory) % alignment == 0);
    CHECK(memory != previous);
    previous = memory;
  }
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
