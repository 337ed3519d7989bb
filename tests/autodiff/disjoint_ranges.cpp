#include "hypertape/autodiff/disjoint_ranges.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <vector>

#include "hypertape/core/random.hpp"

using namespace hypertape;
using hypertape::detail::DisjointRanges;

TEST_CASE("DisjointRanges: overlaps are those of a list, whatever the order of insertion") {
  constexpr Index length = 300;
  for (const int order : {0, 1, 2}) {
    DisjointRanges set;
    std::deque<DisjointRanges::Node> nodes;
    std::vector<bool> taken(length, false);
    Random random(5);
    CHECK(!set.overlaps({0, length}));
    for (Index i = 0; i < 400; ++i) {
      const Index at = order == 0 ? i * 3 / 4 : order == 1 ? (399 - i) * 3 / 4 : random.below(length);
      const Range range{at, std::min(length, at + 1 + random.below(4))};
      bool overlap = false;
      for (Index k = range.begin; k < range.end; ++k) overlap = overlap || taken[static_cast<std::size_t>(k)];
      CHECK(set.overlaps(range) == overlap);
      if (overlap) continue;
      nodes.push_back({range});
      set.insert(&nodes.back());
      for (Index k = range.begin; k < range.end; ++k) taken[static_cast<std::size_t>(k)] = true;
      for (Index k = 0; k < length; ++k) CHECK(set.overlaps({k, k + 1}) == taken[static_cast<std::size_t>(k)]);
    }
  }
}
