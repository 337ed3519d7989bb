#include "hypertape/core/random.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <vector>

using namespace hypertape;

// The golden numbers come from a second implementation, in Python with its own logarithm and whole numbers.

TEST_CASE("Random: golden bits") {
  Random random(42);
  CHECK(random.bits() == 0x03f39b78be22447f);
  CHECK(random.bits() == 0x1dd9733d5a180053);
  CHECK(random.bits() == 0x0c89a42c7fa82e9c);
  CHECK(Random(42, {1, 2}).bits() == 0x6c198e854ba1f689);
}

TEST_CASE("Random: golden uniform numbers, exact") {
  Random random(42);
  CHECK(random.uniform() == 0x1.f9cdbc5f11200p-7);
  CHECK(random.uniform() == 0x1.dd9733d5a1800p-4);
  CHECK(random.uniform() == 0x1.9134858ff5050p-5);
}

TEST_CASE("Random: golden normal numbers, to the error of the logarithm") {
  Random random(42);
  for (const double golden : {-0.16251546485949114, 1.6637010784342026, -0.6481017549569233}) {
    CHECK(std::abs(random.normal() - golden) <= 4e-15 * std::abs(golden));
  }
}

TEST_CASE("Random: golden permutation") {
  CHECK(Random(42).permutation(8) == std::vector<Index>{4, 0, 3, 1, 5, 2, 6, 7});
}

TEST_CASE("Random: the same seed and keys give the same stream, other keys another") {
  CHECK(Random(1).bits() == Random(1).bits());
  std::set<std::uint64_t> first;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    first.insert(Random(seed).bits());
    for (std::uint64_t key = 0; key < 10; ++key) {
      first.insert(Random(seed, {key}).bits());
      first.insert(Random(seed, {0, key}).bits());
      first.insert(Random(seed, {key, key}).bits());
    }
  }
  // {0, 0} is drawn twice for each seed, once as {0, key} and once as {key, key}.
  CHECK(first.size() == 10 + 3 * 100 - 10);
  CHECK(Random(1, {2, 3}).bits() != Random(1, {3, 2}).bits());
}

TEST_CASE("Random: uniform numbers fill their interval") {
  Random random(5);
  double lowest = 1, highest = 0, total = 0;
  constexpr int count = 100000;
  for (int i = 0; i < count; ++i) {
    const double value = random.uniform();
    lowest = std::min(lowest, value);
    highest = std::max(highest, value);
    total += value;
  }
  CHECK(lowest >= 0);
  CHECK(lowest <= 1e-3);
  CHECK(highest < 1);
  CHECK(highest >= 1 - 1e-3);
  CHECK(std::abs(total / count - 0.5) <= 5 / std::sqrt(12.0 * count));  // five standard errors
  for (int i = 0; i < 1000; ++i) {
    const double value = random.uniform(-3, 2);
    CHECK((value >= -3 && value < 2));
  }
}

TEST_CASE("Random: moments of normal numbers") {
  Random random(6);
  constexpr int count = 100000;
  double moments[5] = {};
  for (int i = 0; i < count; ++i) {
    const double value = random.normal();
    for (int power = 1; power <= 4; ++power) moments[power] += std::pow(value, power) / count;
  }
  // Within five standard errors: the variance of the k-th power is E x^2k - (E x^k)^2, with E x^2 .. x^8 = 1, 3, 15,
  // 105.
  const double five = 5 / std::sqrt(double{count});
  CHECK(std::abs(moments[1]) <= five);
  CHECK(std::abs(moments[2] - 1) <= five * std::sqrt(2.0));
  CHECK(std::abs(moments[3]) <= five * std::sqrt(15.0));
  CHECK(std::abs(moments[4] - 3) <= five * std::sqrt(96.0));
}

TEST_CASE("Random: below draws every number as often") {
  Random random(7);
  constexpr int count = 70000;
  std::vector<int> drawn(7);
  for (int i = 0; i < count; ++i) ++drawn.at(static_cast<std::size_t>(random.below(7)));
  double chi_squared = 0;
  const double expected = count / 7.0;
  for (const int times : drawn) chi_squared += std::pow(times - expected, 2) / expected;
  CHECK(chi_squared <= 22.5);  // exceeded once in a thousand by six degrees of freedom
  CHECK(random.below(1) == 0);
}

TEST_CASE("Random: below has no bias where a plain remainder would") {
  // 2^64 = 8 * 2^61 draws fall on a range of 3 * 2^61: a plain remainder is in its lowest third with probability 3/8.
  Random random(8);
  constexpr Index range = Index{3} << 61;
  constexpr int count = 30000;
  int low = 0;
  for (int i = 0; i < count; ++i) low += random.below(range) < range / 3;
  CHECK(std::abs(low - count / 3) <= 5 * std::sqrt(count * 2.0 / 9));
}

TEST_CASE("Random: below needs a positive count") {
  CHECK_THROWS_WITH_AS(Random(1).below(0), "Random::below: needs a positive count, got 0", ArgumentError);
  CHECK_THROWS_AS(Random(1).below(-5), ArgumentError);
}

TEST_CASE("Random: a permutation holds every index once") {
  std::vector<Index> order = Random(9).permutation(100);
  CHECK(!std::is_sorted(order.begin(), order.end()));
  std::sort(order.begin(), order.end());
  for (Index i = 0; i < 100; ++i) CHECK(order[static_cast<std::size_t>(i)] == i);
  CHECK(Random(9).permutation(0).empty());
}
