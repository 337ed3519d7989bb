#include "hypertape/kernels/arg_max.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <limits>
#include <vector>

using namespace hypertape;
using namespace hypertape::kernels;

TEST_CASE_TEMPLATE("ArgMax: the largest wins, of equals the first, and the last NaN over all", T, float, double) {
  const T nan = std::numeric_limits<T>::quiet_NaN(), infinity = std::numeric_limits<T>::infinity();
  struct Example {
    std::vector<T> values;
    int winner;
  };
  const Example examples[] = {{{1, 3, 2}, 1},           {{2, 2, 2}, 0},          {{T(-0.0), T(0), -1}, 0},
                              {{-infinity, -5, -5}, 1}, {{nan, 7, infinity}, 0}, {{7, nan, infinity}, 1},
                              {{nan, 1, nan}, 2}};
  for (const Example& example : examples) {
    CAPTURE(example.values);
    // The other lane runs the other way: a lane's winner does not depend on its neighbor.
    ArgMax<T, 2> peak{};
    for (int i = 0; i < 3; ++i) {
      const T lanes[] = {example.values[static_cast<std::size_t>(i)], static_cast<T>(-i)};
      const ArgMax<T, 2> next{Simd<T, 2>::load(lanes), Simd<ArgMaxOffset<T>, 2>::broadcast(10 * i)};
      if (i == 0) {
        peak = next;
      } else {
        peak.take(next);
      }
    }
    const T expected = example.values[static_cast<std::size_t>(example.winner)];
    std::array<T, 2> value{};
    std::array<ArgMaxOffset<T>, 2> at{};
    Simd<T, 2>::store(value.data(), peak.value);
    Simd<ArgMaxOffset<T>, 2>::store(at.data(), peak.at);
    CHECK(at == std::array<ArgMaxOffset<T>, 2>{10 * example.winner, 0});
    CHECK((value[0] == expected || (std::isnan(value[0]) && std::isnan(expected))));
    CHECK(value[1] == 0);
  }
}
