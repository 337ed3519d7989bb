#include "hypertape/ops/losses.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>

#include "support/check_operation.hpp"

using namespace hypertape;
using namespace hypertape::testing;

namespace {

const std::vector<std::int32_t> labels = {2, 0, 3, 2, 1};

/// -(1/N) sum of y log softmax(z), in double.
template <class T>
double cross_entropy(const Tensor<T>& logits, const Tensor<T>& targets) {
  const Index N = logits.shape()[0], K = logits.shape()[1];
  double loss = 0;
  for (Index n = 0; n < N; ++n) {
    double total = 0;
    for (Index k = 0; k < K; ++k) total += std::exp(static_cast<double>(logits(n, k)));
    for (Index k = 0; k < K; ++k) {
      loss -= static_cast<double>(targets(n, k)) * (static_cast<double>(logits(n, k)) - std::log(total));
    }
  }
  return loss / static_cast<double>(N);
}

}  // namespace

TEST_CASE("one_hot: rows of zeros with a single one") {
  const std::vector<std::int32_t> two = {2, 0};
  CHECK(equal(one_hot<double>(two, 3), Tensor<double>({2, 3}, {0, 1, 0, 0, 1, 0})));
}

TEST_CASE("one_hot: a label outside of the classes is an error") {
  CHECK_THROWS_WITH_AS(one_hot<float>(labels, 3), "one_hot: label 3 of sample 2 is not in 0 .. 2", ArgumentError);
  CHECK_THROWS_AS(one_hot<float>(std::vector<std::int32_t>{-1}, 3), ArgumentError);
}

TEST_CASE_TEMPLATE("softmax_cross_entropy: values for hard and soft labels", T, float, double) {
  const Tensor<T> z = random_tensor<T>({5, 4}, 1), soft = positive_tensor<T>({5, 4}, 2);
  check_values(evaluate([](auto v) { return softmax_cross_entropy(v[0], labels); }, std::vector{z}),
               [&](Index) { return cross_entropy(z, one_hot<T>(labels, 4)); });
  check_values(evaluate([](auto v) { return softmax_cross_entropy(v[0], v[1]); }, std::vector{z, soft}),
               [&](Index) { return cross_entropy(z, soft); });
}

TEST_CASE("softmax_cross_entropy: derivatives in logits and in soft labels") {
  const Tensor<double> z = random_tensor<double>({5, 4}, 1), soft = positive_tensor<double>({5, 4}, 2);
  check_operation([](auto v) { return softmax_cross_entropy(v[0], labels); }, {z});
  check_operation([](auto v) { return softmax_cross_entropy(v[0], v[1]); }, {z, soft});
  check_operation([](auto v) { return softmax_cross_entropy(v[0], softmax(v[0])); }, {z});
}

TEST_CASE("softmax_cross_entropy: the gradient is (softmax - one-hot) / N") {
  Tape<double> tape;
  const Var<double> z = tape.leaf(random_tensor<double>({5, 4}));
  const Tensor<double> p = softmax(z).value(), y = one_hot<double>(labels, 4);
  check_values(gradient(softmax_cross_entropy(z, labels), z).value(), [&](Index i) { return (p[i] - y[i]) / 5; });
}

TEST_CASE("softmax_cross_entropy: does not overflow") {
  Tape<float> tape;
  const Var<float> z = tape.leaf(Tensor<float>({2, 2}, {1000, 1000, -1000, -1000}));
  const std::vector<std::int32_t> right_and_wrong = {0, 1};
  const Var<float> loss = softmax_cross_entropy(z, right_and_wrong);
  CHECK(loss.item() == 1000);
  CHECK(equal(gradient(loss, z).value(), Tensor<float>({2, 2}, {0, 0.5f, 0, -0.5f})));
}

TEST_CASE_TEMPLATE("mean_squared_error: value", T, float, double) {
  const Tensor<T> a({2, 2}, {1, 2, 3, 4}), b({2, 2}, {1, 0, 6, 4});
  CHECK(evaluate([](auto x) { return mean_squared_error(x[0], x[1]); }, std::vector{a, b})[0] == T(13) / 4);
}

TEST_CASE("mean_squared_error: derivatives") {
  check_operation([](auto x) { return mean_squared_error(x[0], x[1]); },
                  {random_tensor<double>({3, 2}, 1), random_tensor<double>({3, 2}, 2)});
}

TEST_CASE("losses: shapes that do not fit") {
  Tape<double> tape;
  const Var<double> z = tape.full({5, 4}, 0), other = tape.full({4, 5}, 0);
  CHECK_THROWS_WITH_AS(softmax_cross_entropy(z, other),
                       "softmax_cross_entropy: logits (5, 4) and labels (4, 5) must have one shape (N, K)", ShapeError);
  CHECK_THROWS_WITH_AS(softmax_cross_entropy(other, labels),
                       "softmax_cross_entropy: logits (4, 5) need one label for each sample, got 5", ShapeError);
  CHECK_THROWS_WITH_AS(mean_squared_error(z, other), "mean_squared_error: (5, 4) and (4, 5) must be one shape",
                       ShapeError);
}
