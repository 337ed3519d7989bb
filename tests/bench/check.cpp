#include "bench/check.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace hypertape;
using namespace hypertape::bench;

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

const Tensor<double> exact(Shape{3}, {3, 0, 4});

Tensor<float> measured(float second) { return Tensor<float>(Shape{3}, {3, second, 4}); }

}  // namespace

TEST_CASE("check: a right result passes, and its error is returned") {
  CHECK(require("x", measured(0), exact, 0) == 0);
  CHECK(require("x", measured(0.5F), exact, 0.125) == 0.1);  // |(0, 0.5, 0)| / |(3, 0, 4)|
  CHECK(require("x", 1e-6, 1e-5) == 1e-6);
}

TEST_CASE("check: a wrong value, a NaN, another shape and an exact result of zeros are refused") {
  CHECK_THROWS_AS(require("x", measured(0.5F), exact, 0.099), WrongResult);
  CHECK_THROWS_AS(require("x", measured(std::numeric_limits<float>::quiet_NaN()), exact, 1e300), WrongResult);
  CHECK_THROWS_AS(require("x", measured(std::numeric_limits<float>::infinity()), exact, 1e300), WrongResult);
  CHECK_THROWS_AS(require("x", measured(0), Tensor<double>(Shape{3}, {3, not_a_number, 4}), 1e300), WrongResult);
  CHECK_THROWS_AS(require("x", measured(0), Tensor<double>(Shape{1, 3}, {3, 0, 4}), 1e300), WrongResult);
  CHECK_THROWS_AS(require("x", Tensor<float>(Shape{3}), Tensor<double>(Shape{3}), 1e300), WrongResult);
  CHECK_THROWS_AS(require("x", not_a_number, 1e300), WrongResult);
  CHECK_THROWS_WITH_AS(require("the gradient", 0.5, 0.25),
                       "WRONG RESULT: the gradient: relative error 0.5, at most 0.25 allowed", WrongResult);
}

TEST_CASE("check: of several errors the largest, and a NaN wherever it stands") {
  CHECK(largest_error({0.5, 2, 1}) == 2);
  CHECK(largest_error({0}) == 0);
  CHECK(std::isnan(largest_error({not_a_number, 1, 2})));
  CHECK(std::isnan(largest_error({1, not_a_number, 2})));
  CHECK(std::isnan(largest_error({1, 2, not_a_number})));
}
