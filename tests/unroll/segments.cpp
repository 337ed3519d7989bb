#include "hypertape/unroll/segments.hpp"

#include <doctest/doctest.h>

using namespace hypertape;
using hypertape::detail::Segments;

namespace {

Segments segments(Index length, MemoryPolicy policy, Index interval = 0, Index window = 0) {
  UnrollOptions options;
  options.memory_policy = policy;
  options.checkpoint_interval = interval;
  options.window = window;
  return Segments(length, options);
}

}  // namespace

TEST_CASE("segments: cover the window once, in order, none longer than the interval") {
  for (const auto policy : {MemoryPolicy::store_all, MemoryPolicy::recompute, MemoryPolicy::checkpoints}) {
    for (Index length = 1; length <= 40; ++length) {
      for (const Index interval : {0, 1, 3, 50}) {
        for (const Index window : {0, 1, 7, 50}) {
          const Segments cut = segments(length, policy, interval, window);
          Index t = window == 0 ? 0 : std::max<Index>(0, length - window);
          for (Index i = 0; i < cut.count(); ++i) {
            CHECK(cut[i].begin == t);
            CHECK(cut[i].size() >= 1);
            CHECK(cut[i].size() <= cut.longest());
            CHECK(cut.starts_at(t));
            for (; t < cut[i].end; ++t) CHECK(cut.segment_of(t) == i);
          }
          CHECK(t == length);
        }
      }
    }
  }
}

TEST_CASE("segments: their length is the policy's") {
  CHECK(segments(30, MemoryPolicy::store_all).longest() == 30);
  CHECK(segments(30, MemoryPolicy::recompute).longest() == 1);
  CHECK(segments(30, MemoryPolicy::checkpoints).longest() == 5);
  CHECK(segments(1000, MemoryPolicy::checkpoints).longest() == 32);
  CHECK(segments(30, MemoryPolicy::checkpoints, 7).longest() == 7);
  CHECK(segments(30, MemoryPolicy::checkpoints, 7).count() == 5);
  CHECK(segments(30, MemoryPolicy::checkpoints, 0, 9).longest() == 3);
}
