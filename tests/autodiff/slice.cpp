#include "hypertape/autodiff/slice.hpp"

#include <doctest/doctest.h>

#include "hypertape/ops/math.hpp"
#include "support/check_operation.hpp"

using namespace hypertape;
using namespace hypertape::testing;

TEST_CASE("slice: reads the memory of its input, copying nothing") {
  Tape<double> tape;
  const Var<double> x = tape.leaf(Tensor<double>({6}, {0, 1, 2, 3, 4, 5}));
  const Var<double> part = slice(x, 2, {3, 1});
  CHECK(equal(part.value(), Tensor<double>({3, 1}, {2, 3, 4})));
  CHECK(part.data() == x.data() + 2);
}

TEST_CASE("reshape: the same memory order under another shape") {
  Tape<double> tape;
  const Var<double> x = tape.leaf(Tensor<double>({2, 3}, {0, 1, 2, 3, 4, 5}));
  CHECK(equal(reshape(x, {3, 2}).value(), Tensor<double>({3, 2}, {0, 1, 2, 3, 4, 5})));
  CHECK(reshape(x, {2, 3}).id() == x.id());
}

TEST_CASE("slice: derivatives") {
  const Tensor<double> x = random_tensor<double>({10});
  check_operation([](auto v) { return slice(v[0], 3, {2, 2}); }, {x});
  check_operation([](auto v) { return reshape(v[0], {5, 2}); }, {x});
  check_operation([](auto v) { return reshape(square(v[0]), {2, 5}); }, {x});
}

TEST_CASE("slice: derivatives of apart, touching, overlapping and equal slices of one input") {
  const Tensor<double> x = random_tensor<double>({10});
  const auto product = [](Index first, Index second) {
    return [=](auto v) { return exp(slice(v[0], first, {4})) * slice(v[0], second, {4}); };
  };
  check_operation(product(6, 0), {x});
  check_operation(product(4, 0), {x});
  check_operation(product(0, 3), {x});
  check_operation(product(3, 3), {x});
  check_operation([](auto v) { return slice(v[0], 0, {4}) * slice(exp(slice(v[0], 1, {8})), 2, {4}); }, {x});
}

TEST_CASE("slice: many overlapping slices, and the input itself") {
  const auto f = [](auto v) {
    Var<double> total = sum(exp(v[0]));
    for (Index offset = 0; offset < 40; ++offset) total = total + sum(square(slice(v[0], offset / 2, {20})));
    return total;
  };
  check_operation(f, {random_tensor<double>({40})});
}

TEST_CASE("slice: the tape may grow while overlapping slices are put together") {
  for (Index count = 1; count <= 100; ++count) {
    Tape<double> tape;  // grows at another point of the reverse sweep for each count
    const Var<double> x = tape.full({3}, 1);
    Var<double> total = tape.scalar(0);
    for (Index i = 0; i < count; ++i) total = total + slice(x, 1, {});
    const auto times = static_cast<double>(count);
    CHECK(equal(gradient(total, x).value(), Tensor<double>({3}, {0, times, 0})));
  }
}

TEST_CASE("slice: past the end is an error") {
  Tape<double> tape;
  const Var<double> x = tape.full({2, 3}, 0);
  CHECK_THROWS_WITH_AS(slice(x, 3, {2, 2}), "slice: (2, 2) at offset 3 reaches past the 6 elements of (2, 3)",
                       ShapeError);
  CHECK_THROWS_AS(slice(x, -1, {2}), ShapeError);
  CHECK_THROWS_AS(slice(x, 0, {7}), ShapeError);
  CHECK_THROWS_WITH_AS(reshape(x, {4}), "reshape: (2, 3) has 6 elements, (4) has 4", ShapeError);
}
