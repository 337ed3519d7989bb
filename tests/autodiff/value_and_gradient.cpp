#include "hypertape/autodiff/value_and_gradient.hpp"

#include <doctest/doctest.h>

#include "hypertape/ops/math.hpp"
#include "hypertape/ops/reduce.hpp"
#include "support/compare.hpp"
#include "support/random_tensor.hpp"

using namespace hypertape;
using namespace hypertape::testing;

TEST_CASE("value_and_gradient: of one tensor, and of several") {
  const Tensor<double> x({3}, {1, 2, 3}), y({3}, {4, 5, 6});
  const auto [value, slope] = value_and_gradient([](auto v) { return sum(square(v)); }, x);
  CHECK(value == 14);
  CHECK(equal(slope, Tensor<double>({3}, {2, 4, 6})));
  const auto both = value_and_gradient([](auto v) { return dot(v[0], v[1]); }, std::vector{x, y});
  CHECK(both.value == 32);
  CHECK(equal(both.gradient[0], y));
  CHECK(equal(both.gradient[1], x));
  CHECK_THROWS_AS(value_and_gradient([](auto v) { return square(v); }, x), ShapeError);
}
