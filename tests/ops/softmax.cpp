#include "hypertape/ops/softmax.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "support/check_operation.hpp"

using namespace hypertape;
using namespace hypertape::testing;

TEST_CASE_TEMPLATE("softmax: values, and probabilities that add up to 1", T, float, double) {
  const Tensor<T> z = random_tensor<T>(Shape::batch(5, 4));
  const auto probability = [&](Index i) {
    double total = 0;
    for (Index k = 0; k < 4; ++k) total += std::exp(static_cast<double>(z(i % 5, k)));
    return std::exp(static_cast<double>(z[i])) / total;
  };
  Tape<T> tape;
  const Var<T> logits = tape.leaf(z), p = softmax(logits);
  check_values(p.value(), probability);
  check_values(log_softmax(logits).value(), [&](Index i) { return std::log(probability(i)); });
  check_values(sum_over_features(p).value(), [](Index) { return 1.0; });
}

TEST_CASE("softmax: derivatives") {
  const Tensor<double> z = random_tensor<double>(Shape::batch(3, 4));
  check_operation([](auto v) { return log_softmax(v[0]); }, {z});
  check_operation([](auto v) { return softmax(v[0]); }, {z});
}

TEST_CASE("softmax: neither values nor derivatives overflow") {
  Tape<float> tape;
  const Var<float> z = tape.leaf(Tensor<float>({1, 3}, {1000, -1000, 1000}));
  const Var<float> g = gradient(dot(softmax(z), tape.leaf(Tensor<float>({1, 3}, {1, 2, 3}))), z);
  check_values(softmax(z).value(), [](Index i) { return i == 1 ? 0 : 0.5; });
  check_values(log_softmax(z).value(), [](Index i) { return i == 1 ? -2000 - std::log(2.0) : -std::log(2.0); });
  check_values(g.value(), [](Index i) { return i == 0 ? -0.5 : i == 1 ? 0 : 0.5; });
  CHECK(gradient(dot(g, g), z).value().all_finite());
}

TEST_CASE("log_softmax: the logits must be a matrix") {
  Tape<double> tape;
  CHECK_THROWS_WITH_AS(softmax(tape.scalar(0)), "softmax: needs logits (N, K), got ()", ShapeError);
  CHECK_THROWS_WITH_AS(log_softmax(tape.full(Shape::batch(2, 3, 1), 0)),
                       "log_softmax: needs logits (N, K), got batch (2, 3, 1)", ShapeError);
}

TEST_CASE("softmax: over any axis, in every layout") {
  for (const Layout layout : {Layout::row_major, Layout::samples_innermost, Layout::channels_innermost}) {
    const Tensor<double> x = random_tensor<double>(Shape{3, 4, 2}.with_layout(layout));
    for (int axis = 0; axis < 3; ++axis) {
      const auto f = [=](auto v) { return softmax(v[0], axis); };
      const auto logarithm = [=](auto v) { return log_softmax(v[0], axis - 3); };
      const Tensor<double> p = evaluate(f, std::vector{x}), l = evaluate(logarithm, std::vector{x});
      for (Index i = 0; i < 3; ++i) {
        for (Index j = 0; j < 4; ++j) {
          for (Index k = 0; k < 2; ++k) {
            double total = 0;
            for (Index m = 0; m < x.shape()[axis]; ++m) {
              total += std::exp(axis == 0 ? x(m, j, k) : axis == 1 ? x(i, m, k) : x(i, j, m));
            }
            CHECK(std::abs(p(i, j, k) - std::exp(x(i, j, k)) / total) <= 1e-15);
            CHECK(std::abs(l(i, j, k) - (x(i, j, k) - std::log(total))) <= 1e-15);
          }
        }
      }
      check_operation(f, {x});
      check_operation(logarithm, {x});
    }
  }
  Tape<double> tape;
  CHECK_THROWS_WITH_AS(softmax(tape.full({2, 3}, 1), 2), "softmax: (2, 3) has no axis 2", ShapeError);
}
