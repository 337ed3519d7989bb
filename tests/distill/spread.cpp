#include "hypertape/distill/spread.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cmath>

using namespace hypertape;

TEST_CASE("spread: mean and deviation") {
  const std::array<double, 4> values = {1, 3, 5, 7};
  CHECK(distill::spread_of(values).mean == 4);
  CHECK(std::abs(distill::spread_of(values).deviation - std::sqrt(5.0)) <= 1e-14);
}
