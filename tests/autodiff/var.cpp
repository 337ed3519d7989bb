#include "hypertape/autodiff/var.hpp"

#include <doctest/doctest.h>

#include "hypertape/autodiff/tape.hpp"
#include "hypertape/ops/arithmetic.hpp"
#include "support/compare.hpp"

using namespace hypertape;
using namespace hypertape::testing;

TEST_CASE("Var: shape, size and values of its node") {
  Tape<double> tape;
  const Tensor<double> values({2, 3}, {1, 2, 3, 4, 5, 6});
  const Var<double> x = tape.leaf(values);
  CHECK(x);
  CHECK(x.shape() == Shape{2, 3});
  CHECK(x.size() == 6);
  CHECK(x.data()[5] == 6);
  CHECK(equal(x.value(), values));
}

#if HYPERTAPE_CHECK_VARS
TEST_CASE("Var: one that its tape was rewound past says so") {
  Tape<double> tape;
  const Var<double> x = tape.scalar(3);
  tape.reset();
  tape.scalar(4);
  CHECK_THROWS_WITH_AS(x.item(), "Var: its tape was rewound past it", ArgumentError);
  CHECK_THROWS_AS(x.shape(), ArgumentError);
  CHECK_THROWS_AS(x.data(), ArgumentError);
}
#endif

TEST_CASE("Var: a default one is none") { CHECK(!Var<float>()); }

TEST_CASE("Var: item is the value of a single element, of any rank") {
  Tape<double> tape;
  CHECK(tape.scalar(3).item() == 3);
  CHECK(tape.full({1, 1}, 4).item() == 4);
  CHECK_THROWS_WITH_AS(tape.full({2, 1}, 4).item(), "Var::item: needs one element, the shape is (2, 1)", ShapeError);
}

TEST_CASE("Var: none has no value, and says so") {
  const Var<double> none;
  CHECK(!none);
  CHECK_THROWS_AS(none.shape(), ArgumentError);
  CHECK_THROWS_AS(none.data(), ArgumentError);
  Tape<double> tape;
  CHECK_THROWS_AS(tape.scalar(1) + none, ArgumentError);
}
