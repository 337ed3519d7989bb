#include "hypertape/ops/losses.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>

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
  CHECK(equal(one_hot<double>(two, 3), Tensor<double>(Shape::batch(2, 3), {0, 1, 0, 0, 1, 0})));
}

TEST_CASE("one_hot: a label outside of the classes is an error") {
  CHECK_THROWS_WITH_AS(one_hot<float>(labels, 3), "one_hot: label 3 of sample 2 is not in 0 .. 2", ArgumentError);
  CHECK_THROWS_AS(one_hot<float>(std::vector<std::int32_t>{-1}, 3), ArgumentError);
}

TEST_CASE_TEMPLATE("softmax_cross_entropy: values for hard and soft labels", T, float, double) {
  const Tensor<T> z = random_tensor<T>(Shape::batch(5, 4), 1), soft = positive_tensor<T>(Shape::batch(5, 4), 2);
  check_values(evaluate([](auto v) { return softmax_cross_entropy(v[0], labels); }, std::vector{z}),
               [&](Index) { return cross_entropy(z, one_hot<T>(labels, 4)); });
  check_values(evaluate([](auto v) { return softmax_cross_entropy(v[0], v[1]); }, std::vector{z, soft}),
               [&](Index) { return cross_entropy(z, soft); });
}

TEST_CASE("softmax_cross_entropy: derivatives in logits and in soft labels") {
  const Tensor<double> z = random_tensor<double>(Shape::batch(5, 4), 1),
                       soft = positive_tensor<double>(Shape::batch(5, 4), 2);
  check_operation([](auto v) { return softmax_cross_entropy(v[0], labels); }, {z});
  check_operation([](auto v) { return softmax_cross_entropy(v[0], v[1]); }, {z, soft});
  check_operation([](auto v) { return softmax_cross_entropy(v[0], softmax(v[0])); }, {z});
}

TEST_CASE("softmax_cross_entropy: the gradient is (softmax - one-hot) / N") {
  Tape<double> tape;
  const Var<double> z = tape.leaf(random_tensor<double>(Shape::batch(5, 4)));
  const Tensor<double> p = softmax(z).value(), y = one_hot<double>(labels, 4);
  check_values(gradient(softmax_cross_entropy(z, labels), z).value(), [&](Index i) { return (p[i] - y[i]) / 5; });
}

TEST_CASE("softmax_cross_entropy: does not overflow") {
  Tape<float> tape;
  const Var<float> z = tape.leaf(Tensor<float>(Shape::batch(2, 2), {1000, 1000, -1000, -1000}));
  const std::vector<std::int32_t> right_and_wrong = {0, 1};
  const Var<float> loss = softmax_cross_entropy(z, right_and_wrong);
  CHECK(loss.item() == 1000);
  CHECK(equal(gradient(loss, z).value(), Tensor<float>(Shape::batch(2, 2), {0, 0.5f, 0, -0.5f})));
}

TEST_CASE_TEMPLATE("mean_squared_error: value", T, float, double) {
  const Tensor<T> a(Shape::batch(2, 2), {1, 2, 3, 4}), b(Shape::batch(2, 2), {1, 0, 6, 4});
  CHECK(evaluate([](auto x) { return mean_squared_error(x[0], x[1]); }, std::vector{a, b})[0] == T(13) / 4);
}

TEST_CASE("mean_squared_error: derivatives") {
  check_operation([](auto x) { return mean_squared_error(x[0], x[1]); },
                  {random_tensor<double>(Shape::batch(3, 2), 1), random_tensor<double>(Shape::batch(3, 2), 2)});
}

TEST_CASE("losses: shapes that do not fit") {
  Tape<double> tape;
  const Var<double> z = tape.full(Shape::batch(5, 4), 0), other = tape.full(Shape::batch(4, 5), 0);
  CHECK_THROWS_WITH_AS(
      softmax_cross_entropy(z, other),
      "softmax_cross_entropy: logits batch (5, 4) and labels batch (4, 5) must have the same shape (N, K)", ShapeError);
  CHECK_THROWS_WITH_AS(softmax_cross_entropy(other, labels),
                       "softmax_cross_entropy: logits batch (4, 5) need one label for each sample, got 5", ShapeError);
  CHECK_THROWS_WITH_AS(mean_squared_error(z, other),
                       "mean_squared_error: batch (5, 4) and batch (4, 5) must have the same shape", ShapeError);
}

namespace {

/// Logits or labels (N, 3) as class 0, 2 and 3 of (N, 4), with one value for the class that is masked out.
Tensor<double> with_masked_class(const Tensor<double>& three, double masked) {
  Tensor<double> out(Shape::batch(three.shape()[0], 4), masked);
  for (Index n = 0; n < three.shape()[0]; ++n) {
    for (const Index k : {0, 1, 2}) out(n, k == 0 ? 0 : k + 1) = three(n, k);
  }
  return out;
}

/// Value, gradient and Hessian-vector products of a loss by logits and labels, which take both orders.
std::vector<Tensor<double>> all_derivatives(const Function& loss, const Tensor<double>& logits,
                                            const Tensor<double>& targets, const Tensor<double>& direction) {
  Tape<double> tape;
  const Var<double> z = tape.leaf(logits), y = tape.leaf(targets), v = tape.leaf(direction);
  const std::vector<Var<double>> arguments = {z, y};
  const Var<double> value = loss(arguments), slope = gradient(value, z);
  return {value.value(),
          slope.value(),
          jvp(value, z, v).value(),
          jvp(slope, z, v).value(),
          vjp(slope, v, z).value(),
          jvp(slope, y, v).value(),
          jvp(jvp(value, z, v), z, v).value()};
}

}  // namespace

TEST_CASE("softmax_cross_entropy: a class with the logit -inf and the label 0 is as none") {
  const double infinity = std::numeric_limits<double>::infinity();
  const Tensor<double> z = random_tensor<double>(Shape::batch(5, 3), 1),
                       y = positive_tensor<double>(Shape::batch(5, 3), 2),
                       v = random_tensor<double>(Shape::batch(5, 3), 3);
  const Function losses[] = {
      [](auto x) { return softmax_cross_entropy(x[0], x[1]); },
      [](auto x) { return softmax_cross_entropy(x[0], softmax(x[0])); },  // the entropy
      [](auto x) { return softmax_cross_entropy(x[0], softmax(x[0] + x[1])); },
      [](auto x) { return sum(square(softmax(x[0]))) * softmax_cross_entropy(x[0], x[1]); },
  };
  for (const Function& loss : losses) {
    const auto got =
        all_derivatives(loss, with_masked_class(z, -infinity), with_masked_class(y, 0), with_masked_class(v, 0));
    const auto expected = all_derivatives(loss, z, y, v);
    for (std::size_t i = 0; i < got.size(); ++i) {
      CAPTURE(i);
      const bool scalar = expected[i].size() == 1;
      CHECK(relative_error(got[i], scalar ? expected[i] : with_masked_class(expected[i], 0)) <= 1e-14);
    }
  }
  const std::vector<std::int32_t> hard = {0, 2, 3, 2, 0};
  Tape<double> tape;
  CHECK(std::isfinite(softmax_cross_entropy(tape.leaf(with_masked_class(z, -infinity)), hard).item()));
}

TEST_CASE("softmax_cross_entropy: what is infinite or not a number stays so") {
  const double infinity = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  const auto loss = [](double z0, double z1, double y0) {
    Tape<double> tape;
    const Var<double> z = tape.leaf(Tensor<double>({1, 2}, {z0, z1})), y = tape.leaf(Tensor<double>({1, 2}, {y0, 1}));
    return softmax_cross_entropy(z, y).item();
  };
  CHECK(loss(-infinity, 0, 0) == 0);
  CHECK(loss(-infinity, 0, 1e-300) == infinity);
  CHECK(std::isnan(loss(nan, 0, 0)));
  CHECK(std::isnan(loss(infinity, 0, 0)));
  CHECK(std::isnan(loss(-infinity, -infinity, 0)));
}

TEST_CASE_TEMPLATE("softmax_cross_entropy: finite wherever it can be represented", T, float, double) {
  const T huge = std::numeric_limits<T>::max() / T(1.5);  // a difference of two overflows
  const auto loss = [](const Tensor<T>& logits, const Tensor<T>& weights) {
    Tape<T> tape;
    return softmax_cross_entropy(tape.leaf(logits), tape.leaf(weights)).item();
  };
  const auto close = [](T got, T expected) {
    return std::abs(got / expected - 1) <= 8 * std::numeric_limits<T>::epsilon();
  };
  CHECK(loss(Tensor<T>({1, 2}, {huge, -huge}), Tensor<T>({1, 2}, {1, 0})) == 0);
  CHECK(close(loss(Tensor<T>({1, 2}, {huge, -huge}), Tensor<T>({1, 2}, {T(0.5), T(0.5)})), huge));
  CHECK(close(loss(Tensor<T>(Shape::batch(2, 2), {huge, 0, -huge, 0}), Tensor<T>(Shape::batch(2, 2), {0, 1, 1, 0})),
              huge));
  CHECK(loss(Tensor<T>({1, 2}, {huge, -huge}), Tensor<T>({1, 2}, {0, 1})) == std::numeric_limits<T>::infinity());
  Tensor<T> many(Shape::batch(100, 2)), far(Shape::batch(100, 2));
  for (Index n = 0; n < 100; ++n) {
    many(n, 0) = huge;
    many(n, 1) = -huge;
    far(n, 1) = T(0.25);
  }
  CHECK(close(loss(many, far), huge / 2));

  Tape<T> tape;
  const Var<T> z = tape.leaf(Tensor<T>({1, 2}, {huge, -huge})), y = tape.leaf(Tensor<T>({1, 2}, {T(0.5), T(0.5)}));
  const Var<T> value = softmax_cross_entropy(z, y);
  CHECK(equal(gradient(value, z).value(), Tensor<T>({1, 2}, {T(0.5), T(-0.5)})));
  CHECK(jvp(value, y, tape.leaf(Tensor<T>({1, 2}, {0, T(0.5)}))).item() == huge);
  CHECK(hvp(value, z, z).value().all_finite());
}

TEST_CASE("softmax_cross_entropy: classes with weights, as PyTorch's weighted mean") {
  const std::vector<double> weights = {1, 2, 0.5, 3};
  const Tensor<double> z = random_tensor<double>(Shape::batch(5, 4), 1);
  double loss = 0, total = 0;
  for (Index n = 0; n < 5; ++n) {
    double sum = 0;
    const std::int32_t label = labels[static_cast<std::size_t>(n)];
    for (Index k = 0; k < 4; ++k) sum += std::exp(z(n, k));
    const double weight = weights[static_cast<std::size_t>(label)];
    loss -= weight * (z(n, label) - std::log(sum));
    total += weight;
  }
  const auto f = [&](auto v) { return softmax_cross_entropy(v[0], labels, std::span<const double>(weights)); };
  check_values(evaluate(f, std::vector{z}), [&](Index) { return loss / total; });
  check_operation(f, {z});
  Tape<double> tape;
  CHECK_THROWS_AS(softmax_cross_entropy(tape.full(Shape::batch(5, 3), 1), labels, std::span<const double>(weights)),
                  ShapeError);
}

TEST_CASE("losses of elements: absolute, Huber, cross-entropy of a sigmoid") {
  const Tensor<double> a = random_tensor<double>({4, 3}, 1), b = random_tensor<double>({4, 3}, 2),
                       t = positive_tensor<double>({4, 3}, 3);
  const auto check = [](const auto& f, const auto& each, const Tensor<double>& p, const Tensor<double>& q) {
    double total = 0;
    for (Index i = 0; i < p.size(); ++i) total += each(p[i], q[i]) / static_cast<double>(p.size());
    const auto of_vars = [&](auto v) { return f(v[0], v[1]); };
    check_values(evaluate(of_vars, std::vector{p, q}), [&](Index) { return total; });
    check_operation(of_vars, {p, q});
  };
  check([](auto p, auto q) { return mean_absolute_error(p, q); }, [](double p, double q) { return std::abs(p - q); }, a,
        b);
  check([](auto p, auto q) { return huber_loss(p, q, 0.8); },
        [](double p, double q) {
          const double d = std::abs(p - q);
          return d <= 0.8 ? d * d / 2 : 0.8 * (d - 0.4);
        },
        a, b);
  check([](auto p, auto q) { return sigmoid_cross_entropy(p, q); },
        [](double z, double q) {
          const double p = 1 / (1 + std::exp(-z));
          return -q * std::log(p) - (1 - q) * std::log(1 - p);
        },
        a, t);
  Tape<double> tape;
  const Var<double> x = tape.full({2}, 1), y = tape.full({3}, 1);
  CHECK_THROWS_WITH_AS(huber_loss(x, y), "huber_loss: (2) and (3) must have the same shape", ShapeError);
  CHECK_THROWS_AS(huber_loss(x, x, 0), ArgumentError);
  CHECK_THROWS_AS(mean_absolute_error(x, y), ShapeError);
  CHECK_THROWS_AS(sigmoid_cross_entropy(x, y), ShapeError);
}

TEST_CASE("sigmoid_cross_entropy: does not cancel where a prediction is right and sure") {
  Tape<double> tape;
  const Var<double> z = tape.leaf(Tensor<double>({2}, {40, -40})), t = tape.leaf(Tensor<double>({2}, {1, 0}));
  CHECK(std::abs(sigmoid_cross_entropy(z, t).item() / std::exp(-40.) - 1) <= 1e-15);
}
