#include "hypertape/autodiff/jvp.hpp"

#include <doctest/doctest.h>

#include <cstdint>

#include "hypertape/ops/activations.hpp"
#include "hypertape/ops/conv2d.hpp"
#include "hypertape/ops/linear.hpp"
#include "hypertape/ops/losses.hpp"
#include "hypertape/ops/pool2d.hpp"
#include "support/check_operation.hpp"

using namespace hypertape;
using namespace hypertape::testing;

namespace {

/// A loss of a small network that uses every operation. x: images (2, 2, 7, 7), then the weights.
Var<double> network_loss(std::span<const Var<double>> x) {
  const Var<double> convolved = relu(conv2d(x[0], x[1].slice(0, {3, 2, 3, 3}), x[1].slice(54, {3}), {1, 1}));
  const Var<double> pooled = max_pool2d(convolved, {.size = 3, .stride = 2}) + average_pool2d(convolved, {3, 2});
  const Var<double> features = tanh(reshape(pooled, {2, 27}));
  const Var<double> logits = linear(features, x[2], x[3]) * sigmoid(mean(features));
  const Var<double> labels = softmax(repeat_per_channel(x[3], {2, 4}));
  const Var<double> norms = sqrt(sum_over_features(square(features)) + 1.0);
  return softmax_cross_entropy(logits, labels) + mean(log(norms) / softplus(norms)) +
         mean_squared_error(exp(logits), labels) - dot(sum_per_channel(logits), x[3]) +
         sum(repeat_for_features(norms, {2, 4}) * logits);
}

std::vector<Tensor<double>> network_inputs() {
  return {random_tensor<double>(Shape::batch(2, 2, 7, 7), 1), random_tensor<double>({57}, 2),
          random_tensor<double>({4, 27}, 3), random_tensor<double>({4}, 4)};
}

}  // namespace

TEST_CASE("jvp: the Jacobian of several outputs") {
  Tape<double> tape;
  const Var<double> x = tape.leaf(Tensor<double>({2}, {1, 2})), y = tape.leaf(Tensor<double>({2}, {3, 4}));
  const Var<double> outputs[] = {x * y, dot(x, x), y};
  const Var<double> arguments[] = {x, y};
  const Var<double> tangents[] = {tape.leaf(Tensor<double>({2}, {10, 100})), tape.leaf(Tensor<double>({2}, {5, 6}))};
  Var<double> result[3];
  jvp<double>(outputs, arguments, tangents, result);
  CHECK(equal(result[0].value(), Tensor<double>({2}, {3 * 10 + 1 * 5, 4 * 100 + 2 * 6})));
  CHECK(result[1].item() == 2 * 1 * 10 + 2 * 2 * 100);
  CHECK(equal(result[2].value(), tangents[1].value()));
}

TEST_CASE("jvp: a tangent that is none is zero, and an output that depends on nothing gets zeros") {
  Tape<double> tape;
  const Var<double> before = tape.full({2}, 7), x = tape.scalar(3), y = tape.scalar(5);
  const Var<double> outputs[] = {x * y, before, y * y, x * x};
  const Var<double> arguments[] = {x, y};
  const Var<double> tangents[] = {tape.scalar(1), Var<double>()};
  Var<double> result[4];
  jvp<double>(outputs, arguments, tangents, result);
  CHECK(result[0].item() == 5);
  CHECK(equal(result[1].value(), Tensor<double>({2})));
  CHECK(result[2].item() == 0);
  CHECK(result[3].item() == 6);
}

TEST_CASE("jvp: an argument that is an intermediate result counts as independent") {
  Tape<double> tape;
  const Var<double> x = tape.scalar(3), y = x * x, z = x * y;
  CHECK(jvp(z, y, tape.scalar(1)).item() == 3);
  CHECK(jvp(z, x, tape.scalar(1)).item() == 27);
  const Var<double> arguments[] = {x, y};
  const Var<double> tangents[] = {tape.scalar(1), tape.scalar(10)};
  Var<double> result;
  jvp<double>(std::span(&z, 1), arguments, tangents, std::span(&result, 1));
  CHECK(result.item() == 9 + 30);
}

TEST_CASE("jvp: errors") {
  Tape<double> tape, other;
  const Var<double> x = tape.full({2}, 1), y = square(x);
  Var<double> result;
  CHECK_THROWS_WITH_AS(jvp(y, x, tape.full({3}, 1)), "jvp: argument 0 is (2), its tangent (3)", ShapeError);
  CHECK_THROWS_WITH_AS(jvp<double>({}, std::span(&x, 1), std::span(&x, 1), {}),
                       "jvp: needs arguments, each with a tangent, and outputs, each with a place for its result",
                       ArgumentError);
  CHECK_THROWS_AS(jvp<double>(std::span(&y, 1), std::span(&x, 1), {}, std::span(&result, 1)), ArgumentError);
  CHECK_THROWS_AS(jvp<double>(std::span(&y, 1), std::span(&x, 1), std::span(&x, 1), {}), ArgumentError);
  CHECK_THROWS_WITH_AS(jvp(y, other.full({2}, 1), x), "jvp: every argument must be recorded on the same tape",
                       ArgumentError);
  CHECK_THROWS_AS(jvp(y, x, other.full({2}, 1)), ArgumentError);
}

TEST_CASE("hvp: of the quadratic form x' A x is (A + A') v") {
  Tape<double> tape;
  const Tensor<double> a = whole_numbers<double>({5, 5}, 1), v = whole_numbers<double>({1, 5}, 2);
  const Var<double> x = tape.leaf(whole_numbers<double>({1, 5}, 3));
  const Var<double> form = dot(x, linear(x, tape.leaf(a)));
  Tensor<double> expected({1, 5});
  for (Index row = 0; row < 5; ++row) {
    for (Index column = 0; column < 5; ++column) {
      expected[row] += (a[5 * row + column] + a[5 * column + row]) * v[column];
    }
  }
  CHECK(equal(hvp(form, x, tape.leaf(v)).value(), expected));
}

TEST_CASE("hvp: of Rosenbrock's function") {
  // f = (1 - x)^2 + 100 (y - x^2)^2 has f_xx = 2 - 400 (y - 3 x^2), f_xy = -400 x, f_yy = 200: whole numbers here.
  Tape<double> tape;
  const Var<double> point = tape.leaf(Tensor<double>({2}, {-2, 3}));
  const Var<double> x = point.slice(0, {}), y = point.slice(1, {});
  const Var<double> f = square(1.0 - x) + 100.0 * square(y - square(x));
  const Var<double> v = tape.leaf(Tensor<double>({2}, {5, -7}));
  const double xx = 2 - 400 * (3 - 3 * 4), xy = 800, yy = 200;
  CHECK(equal(hvp(f, point, v).value(), Tensor<double>({2}, {5 * xx - 7 * xy, 5 * xy - 7 * yy})));
}

TEST_CASE("jvp: first and second derivatives of a network of every operation") {
  check_operation(network_loss, network_inputs());
}

TEST_CASE("jvp: a derivative of third order") {
  Tape<double> tape;
  const Var<double> x = tape.scalar(2), one = tape.scalar(1);
  CHECK(jvp(hvp(x * x * x * x, x, one), x, one).item() == 48);
  CHECK(gradient(hvp(x * x * x * x, x, one), x).item() == 48);
}
