#include "hypertape/autodiff/slice.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "hypertape/ops/linear.hpp"
#include "hypertape/ops/math.hpp"
#include "support/check_operation.hpp"

using namespace hypertape;
using namespace hypertape::testing;

TEST_CASE("slice: reads the memory of its input, copying nothing") {
  Tape<double> tape;
  const Var<double> x = tape.leaf(Tensor<double>({6}, {0, 1, 2, 3, 4, 5}));
  const Var<double> part = x.slice(2, {3, 1});
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
  check_operation([](auto v) { return v[0].slice(3, {2, 2}); }, {x});
  check_operation([](auto v) { return reshape(v[0], {5, 2}); }, {x});
  check_operation([](auto v) { return reshape(square(v[0]), {2, 5}); }, {x});
}

TEST_CASE("slice: derivatives of apart, touching, overlapping and equal slices of one input") {
  const Tensor<double> x = random_tensor<double>({10});
  const auto product = [](Index first, Index second) {
    return [=](auto v) { return exp(v[0].slice(first, {4})) * v[0].slice(second, {4}); };
  };
  check_operation(product(6, 0), {x});
  check_operation(product(4, 0), {x});
  check_operation(product(0, 3), {x});
  check_operation(product(3, 3), {x});
  check_operation([](auto v) { return v[0].slice(0, {4}) * exp(v[0].slice(1, {8})).slice(2, {4}); }, {x});
}

TEST_CASE("slice: many overlapping slices, and the input itself") {
  const auto f = [](auto v) {
    Var<double> total = sum(exp(v[0]));
    for (Index offset = 0; offset < 40; ++offset) total = total + sum(square(v[0].slice(offset / 2, {20})));
    return total;
  };
  check_operation(f, {random_tensor<double>({40})});
}

TEST_CASE("slice: the tape may grow while overlapping slices are put together") {
  for (Index count = 1; count <= 100; ++count) {
    Tape<double> tape;  // grows at another point of the reverse sweep for each count
    const Var<double> x = tape.full({3}, 1);
    Var<double> total = tape.scalar(0);
    for (Index i = 0; i < count; ++i) total = total + x.slice(1, {});
    const auto times = static_cast<double>(count);
    CHECK(equal(gradient(total, x).value(), Tensor<double>({3}, {0, times, 0})));
  }
}

TEST_CASE("slice: past the end is an error") {
  Tape<double> tape;
  const Var<double> x = tape.full({2, 3}, 0);
  CHECK_THROWS_WITH_AS(x.slice(3, {2, 2}), "slice: (2, 2) at offset 3 reaches past the 6 elements of (2, 3)",
                       ShapeError);
  CHECK_THROWS_AS(x.slice(-1, {2}), ShapeError);
  CHECK_THROWS_AS(x.slice(0, {7}), ShapeError);
  CHECK_THROWS_WITH_AS(reshape(x, {4}), "reshape: (2, 3) has 6 elements, (4) has 4", ShapeError);
}

namespace {

/// Bytes that a tape has taken after the gradient, and its derivative, of a function that takes `count` slices of x.
template <class Function>
double bytes_for(const Function& f, Index count) {
  Tape<double> tape;
  const Var<double> x = tape.leaf(random_tensor<double>({count})), slope = gradient(f(x, count), x);
  gradient(sum(square(slope)), x);
  return static_cast<double>(tape.used_bytes());
}

}  // namespace

TEST_CASE("slice: memory grows with the number of slices, not with its square") {
  const auto same = [](Var<double> x, Index count) {
    Var<double> total = x.tape().scalar(0);
    const Var<double> first = x.slice(0, {8});
    for (Index i = 0; i < count; ++i) total = total + dot(first.slice(2, {3}), first.slice(1, {3}));
    return total;
  };
  const auto different = [](Var<double> x, Index count) {
    Var<double> total = x.tape().scalar(0);
    for (Index i = 0; i < count; ++i) total = total + square(x.slice((i * 7) % count, {}));
    return total;
  };
  CHECK(bytes_for(same, 4000) <= 2.2 * bytes_for(same, 2000));
  CHECK(bytes_for(different, 4000) <= 2.2 * bytes_for(different, 2000));
}

TEST_CASE("slice: one element each, in every order, some of them twice") {
  constexpr Index count = 500;
  const Tensor<double> values = random_tensor<double>({count});
  for (const Index step : {Index{1}, count - 1, Index{7}, Index{123}}) {
    Tape<double> tape;
    const Var<double> x = tape.leaf(values);
    Var<double> total = tape.scalar(0);
    for (Index i = 0; i < count + 100; ++i) {
      const Var<double> element = x.slice((i * step) % count, {1, 1});
      total = total + sum(linear(element, element));
    }
    const Tensor<double> slope = gradient(total, x).value();
    std::vector<double> times(count, 0);
    for (Index i = 0; i < count + 100; ++i) times[static_cast<std::size_t>((i * step) % count)] += 1;
    for (Index i = 0; i < count; ++i) {
      CHECK(std::abs(slope[i] - 2 * times[static_cast<std::size_t>(i)] * values[i]) <= 1e-14 * std::abs(values[i]) * 4);
    }
  }
}
