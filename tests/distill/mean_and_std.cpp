#include "hypertape/distill/mean_and_std.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cmath>

using namespace hypertape;

TEST_CASE("mean_and_std: mean and deviation") {
  const std::array<double, 4> values = {1, 3, 5, 7};
  CHECK(distill::mean_and_std(values).mean == 4);
  CHECK(std::abs(distill::mean_and_std(values).deviation - std::sqrt(5.0)) <= 1e-14);
}
