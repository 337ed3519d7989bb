#include "hypertape/optim/schedule.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "hypertape/core/error.hpp"

namespace hypertape::testing {
namespace {

TEST_CASE("schedules") {
  CHECK(optim::step_schedule(0, 40, 0.5) == 1);
  CHECK(optim::step_schedule(39, 40, 0.5) == 1);
  CHECK(optim::step_schedule(80, 40, 0.5) == 0.25);
  CHECK(optim::cosine_schedule(0, 100) == 1);
  CHECK(std::abs(optim::cosine_schedule(50, 100) - 0.5) <= 1e-15);
  CHECK(optim::cosine_schedule(100, 100) == 0);
  CHECK(optim::cosine_schedule(500, 100, 0.1) == 0.1);
  CHECK_THROWS_AS(optim::step_schedule(1, 0, 0.5), ArgumentError);
  CHECK_THROWS_AS(optim::cosine_schedule(1, 0), ArgumentError);
}

}  // namespace
}  // namespace hypertape::testing
