#include "hypertape/core/micro_batches.hpp"

#include <doctest/doctest.h>

#include <cmath>

namespace hypertape::testing {
namespace {

TEST_CASE("micro_batches: cover every sample once, none larger than asked, nearly equal") {
  for (Index total = 1; total <= 70; ++total) {
    for (const Index most : {0, 1, 5, 16, 100}) {
      const hypertape::detail::MicroBatches blocks(total, most);
      Index next = 0, smallest = total, largest = 0;
      double weight = 0;
      for (Index b = 0; b < blocks.count(); ++b) {
        CHECK(blocks[b].begin == next);
        next = blocks[b].end;
        smallest = std::min(smallest, blocks[b].size());
        largest = std::max(largest, blocks[b].size());
        weight += blocks.weight<double>(b);
      }
      CHECK(next == total);
      CHECK(smallest >= 1);
      CHECK(largest - smallest <= 1);
      if (most > 0) CHECK(largest <= most);
      CHECK(std::abs(weight - 1) <= 1e-14);
    }
  }
}

TEST_CASE("micro_batches: ten images are shared evenly by two threads") {
  const hypertape::detail::MicroBatches blocks(10, inner_samples_per_block(10));
  REQUIRE(blocks.count() == 2);
  CHECK(blocks[0].size() == 5);
}

}  // namespace
}  // namespace hypertape::testing
