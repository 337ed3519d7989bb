#include "hypertape/ops/reduce.hpp"

#include <doctest/doctest.h>

#include "hypertape/ops/arithmetic.hpp"
#include "support/check_operation.hpp"

using namespace hypertape;
using namespace hypertape::testing;

TEST_CASE_TEMPLATE("reduce: values of the sums", T, float, double) {
  const Tensor<T> x = whole_numbers<T>(Shape::batch(5, 3, 2, 4));
  T total = 0;
  Tensor<T> by_feature(Shape{3}), by_sample(Shape{5});
  for (Index n = 0; n < 5; ++n) {
    for (Index c = 0; c < 3; ++c) {
      for (Index h = 0; h < 2; ++h) {
        for (Index w = 0; w < 4; ++w) {
          total += x(n, c, h, w);
          by_feature[c] += x(n, c, h, w);
          by_sample[n] += x(n, c, h, w);
        }
      }
    }
  }
  Tape<T> tape;
  const Var<T> v = tape.leaf(x);
  CHECK(sum(v).item() == total);
  CHECK(sum(v).shape() == Shape{});
  check_values(mean(v).value(), [&](Index) { return static_cast<double>(total) / 120; });
  CHECK(equal(sum_per_channel(v).value(), by_feature));
  CHECK(equal(sum_over_features(v).value(), by_sample));
}

TEST_CASE_TEMPLATE("reduce: values of their adjoints", T, float, double) {
  Tape<T> tape;
  const Var<T> three = tape.leaf(Tensor<T>({3}, {1, 2, 3})), five = tape.leaf(Tensor<T>({5}, {1, 2, 3, 4, 5}));
  const Shape shape = Shape::batch(5, 3, 2, 4);
  CHECK(equal(fill(tape.scalar(7), shape).value(), Tensor<T>(shape, T(7))));
  const Tensor<T> repeated = repeat_per_channel(three, shape).value();
  const Tensor<T> spread = repeat_for_features(five, shape).value();
  for (Index i = 0; i < shape.size(); ++i) {
    const Index feature = i / 40, sample = i % 5;
    CHECK(repeated[i] == static_cast<T>(feature + 1));
    CHECK(spread[i] == static_cast<T>(sample + 1));
  }
}

TEST_CASE("reduce: derivatives") {
  const Tensor<double> matrix = random_tensor<double>(Shape::batch(4, 3), 1),
                       images = random_tensor<double>(Shape::batch(2, 3, 2, 2), 2);
  for (const Tensor<double>& x : {matrix, images}) {
    check_operation([](auto v) { return sum(v[0]); }, {x});
    check_operation([](auto v) { return mean(v[0] * v[0]); }, {x});
    check_operation([](auto v) { return sum_per_channel(v[0]); }, {x});
    check_operation([](auto v) { return sum_over_features(v[0]); }, {x});
  }
  check_operation([](auto v) { return fill(v[0], {3, 2}); }, {random_tensor<double>({})});
  check_operation([](auto v) { return repeat_per_channel(v[0], {2, 3, 2, 2}); }, {random_tensor<double>({3})});
  check_operation([](auto v) { return repeat_for_features(v[0], {3, 2, 2}); }, {random_tensor<double>({3})});
}

TEST_CASE("reduce: one sample is a batch, whatever its shape was made as") {
  Tape<double> tape;
  const Tensor<double> values = whole_numbers<double>({1, 2, 2, 2}, 1);
  const Var<double> x = tape.leaf(values), sums = sum_per_channel(x);
  for (Index c = 0; c < 2; ++c)
    CHECK(sums.data()[c] == values[4 * c] + values[4 * c + 1] + values[4 * c + 2] + values[4 * c + 3]);
  const Tensor<double> repeated = gradient(dot(sums, tape.leaf(Tensor<double>({2}, {3, 5}))), x).value();
  CHECK(equal(repeated, Tensor<double>({1, 2, 2, 2}, {3, 3, 3, 3, 5, 5, 5, 5})));
}

TEST_CASE("reduce: shapes that do not fit") {
  Tape<double> tape;
  const Var<double> x = tape.full({3}, 1);
  CHECK_THROWS_WITH_AS(fill(x, {2, 3}), "fill: needs (), got (3)", ShapeError);
  CHECK_THROWS_WITH_AS(sum_per_channel(x), "sum_per_channel: needs a batch (N, F, ...), got (3)", ShapeError);
  CHECK_THROWS_WITH_AS(sum_over_features(tape.scalar(1)), "sum_over_features: needs a batch (N, ...), got a scalar",
                       ShapeError);
  CHECK_THROWS_WITH_AS(repeat_per_channel(x, {3, 2}), "repeat_per_channel: a batch (3, 2) needs (2), got (3)",
                       ShapeError);
  CHECK_THROWS_WITH_AS(repeat_for_features(x, {2, 3}), "repeat_for_features: needs (2), got (3)", ShapeError);
}
