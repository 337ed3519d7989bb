#include "hypertape/nn/fused_lenet.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <limits>

#include "hypertape/autodiff/gradient.hpp"
#include "hypertape/autodiff/jvp.hpp"
#include "hypertape/kernels/reduce_kernels.hpp"
#include "hypertape/nn/classification_loss.hpp"
#include "hypertape/nn/lenet.hpp"
#include "support/check_error.hpp"
#include "support/compare.hpp"
#include "support/random_tensor.hpp"

// Tests the fused LeNet, and by way of it nn/fused_lenet_kernels.hpp, against the same network on a tape.

using namespace hypertape;
using namespace hypertape::testing;
using kernels::OutputMode;

namespace {

/// Both sides round the same few hundred operations in another order.
template <class T>
constexpr double tolerance = 100 * static_cast<double>(std::numeric_limits<T>::epsilon());

template <class T>
struct Problem {
  nn::LeNet net;
  Tensor<T> theta, direction, x, y;

  Problem(Index channels, Index size, Index classes, Index samples)
      : net(channels, size, classes),
        direction(random_tensor<T>(Shape{net.parameters().size()}, 2)),
        x(random_tensor<T>(Shape::batch(samples, channels, size, size), 3)),
        y(positive_tensor<T>(Shape::batch(samples, classes), 4)) {
    Random random(1);
    theta = net.parameters().initialize<T>(nn::Initializer::xavier_normal, 1, random);
    for (const auto& entry : net.parameters().entries()) {  // biases are zero at first: not here
      if (entry.shape.rank() > 1) continue;
      for (Index i = 0; i < entry.shape.size(); ++i) theta[entry.offset + i] = static_cast<T>(0.1 * random.normal());
    }
  }
};

/// Loss, gradient, and the derivatives of <direction, gradient>.
template <class T>
struct Results {
  double loss, slope;
  Tensor<T> gradient, hvp, dx, dy;
};

template <class T>
Results<T> on_a_tape(const Problem<T>& problem) {
  Tape<T> tape;
  const Var<T> theta = tape.leaf(problem.theta), x = tape.leaf(problem.x), y = tape.leaf(problem.y);
  const Var<T> loss = nn::ClassificationLoss<nn::LeNet>{&problem.net}(theta, x, y);
  const std::vector<Var<T>> g = gradient(loss, {theta, x, y});
  const Var<T> direction = tape.leaf(problem.direction);
  Var<T> d[3];
  jvp<T>(g, std::span<const Var<T>>(&theta, 1), std::span<const Var<T>>(&direction, 1), std::span<Var<T>>(d, 3));
  const Var<T> slope = dot(direction, g[0]);
  return {static_cast<double>(loss.item()),
          static_cast<double>(slope.item()),
          g[0].value(),
          d[0].value(),
          d[1].value(),
          d[2].value()};
}

template <class T>
Results<T> fused(const Problem<T>& problem, hypertape::detail::LossDerivatives<T>& derivatives) {
  Results<T> out{0,
                 0,
                 Tensor<T>(problem.theta.shape()),
                 Tensor<T>(problem.theta.shape()),
                 Tensor<T>(problem.x.shape()),
                 Tensor<T>(problem.y.shape())};
  const std::array data{problem.x, problem.y};
  const std::array places{out.dx.data(), out.dy.data()};
  out.loss =
      static_cast<double>(derivatives.record({problem.theta, data}, T(1), OutputMode::write, out.gradient.data()));
  out.slope = static_cast<double>(derivatives.gradient_vjp(problem.direction.data(), {out.hvp.data(), places}));
  return out;
}

template <class T>
double norm(const Tensor<T>& x) {
  return std::sqrt(static_cast<double>(kernels::dot(x.size(), x.data(), x.data())));
}

template <class T>
void check(const Problem<T>& problem, const Results<T>& got, const Results<T>& expected) {
  CHECK(std::abs(got.loss - expected.loss) <= tolerance<T> * std::abs(expected.loss));
  // An inner product of terms of either sign errs in proportion to the lengths of its factors, not to its value.
  CHECK(std::abs(got.slope - expected.slope) <= tolerance<T> / 10 * norm(problem.direction) * norm(expected.gradient));
  CHECK(relative_error(got.gradient, expected.gradient) <= tolerance<T>);
  CHECK(relative_error(got.hvp, expected.hvp) <= tolerance<T>);
  CHECK(relative_error(got.dx, expected.dx) <= tolerance<T>);
  CHECK(relative_error(got.dy, expected.dy) <= tolerance<T>);
}

}  // namespace

TEST_CASE_TEMPLATE("fused_lenet: loss, gradient and second derivatives are those of the tape", T, float, double) {
  struct Case {
    Index channels, size, classes, samples;
  };
  for (const Case& c : {Case{1, 28, 10, 5}, Case{1, 28, 10, 1}, Case{1, 32, 3, 2}, Case{3, 32, 10, 4},
                        Case{3, 28, 2, 1}, Case{1, 28, 10, 17}}) {
    CAPTURE(hypertape::detail::concat(c.channels, " channels, size ", c.size, ", ", c.classes, " classes, ", c.samples,
                                      " samples"));
    const Problem<T> problem(c.channels, c.size, c.classes, c.samples);
    const auto derivatives = nn::ClassificationLoss<nn::LeNet>{&problem.net}.derivatives<T>();
    REQUIRE(derivatives != nullptr);
    check(problem, fused(problem, *derivatives), on_a_tape(problem));
  }
}

TEST_CASE_TEMPLATE("fused_lenet: a difference of logits that overflows, as on the tape", T, float, double) {
  Problem<T> problem(1, 28, 3, 2);
  const T huge = std::numeric_limits<T>::max() / T(1.5);
  const auto& bias = problem.net.parameters().entries().back();
  REQUIRE(bias.shape == Shape{3});
  for (const Index k : {0, 1, 2}) problem.theta[bias.offset + k] = k == 0 ? huge : k == 1 ? -huge : 0;
  const auto derivatives = problem.net.template cross_entropy_derivatives<T>();
  for (const T far : {T(0), T(0.25)}) {  // the label of a class whose log-probability is below every finite number
    problem.y = Tensor<T>(Shape::batch(2, 3), T(0));
    for (const Index n : {0, 1}) {
      problem.y(n, 0) = 1 - far;
      problem.y(n, 1) = far;
    }
    const Results<T> expected = on_a_tape(problem), got = fused(problem, *derivatives);
    const double loss = 2 * static_cast<double>(far) * static_cast<double>(huge);
    CHECK(std::abs(got.loss - loss) <= tolerance<T> * loss);
    CHECK(std::abs(expected.loss - loss) <= tolerance<T> * loss);
    CHECK(relative_error(got.gradient, expected.gradient) <= tolerance<T>);
    CHECK(got.hvp.all_finite());
  }
}

TEST_CASE("fused_lenet: a weight scales every result, and a gradient can be added up") {
  const Problem<double> problem(1, 28, 10, 3);
  const auto derivatives = problem.net.cross_entropy_derivatives<double>();
  const Results<double> whole = fused(problem, *derivatives);
  Tensor<double> sum = whole.gradient;
  Results<double> part = whole;
  const std::array data{problem.x, problem.y};
  const std::array places{part.dx.data(), part.dy.data()};
  derivatives->record({problem.theta, data}, 0.25, OutputMode::accumulate, sum.data());
  part.slope = derivatives->gradient_vjp(problem.direction.data(), {part.hvp.data(), places});
  CHECK(std::abs(4 * part.slope - whole.slope) <= 1e-13 * std::abs(whole.slope));
  for (Index i = 0; i < sum.size(); ++i) sum[i] = (sum[i] - whole.gradient[i]) * 4;
  CHECK(relative_error(sum, whole.gradient) <= 1e-13);
  for (auto* tensor : {&part.hvp, &part.dx, &part.dy}) {
    for (double& value : tensor->values()) value *= 4;
  }
  CHECK(relative_error(part.hvp, whole.hvp) <= 1e-13);
  CHECK(relative_error(part.dx, whole.dx) <= 1e-13);
  CHECK(relative_error(part.dy, whole.dy) <= 1e-13);
}

TEST_CASE("fused_lenet: records are differentiated newest first, and their memory is reused") {
  const Problem<float> a(1, 28, 10, 3);
  Problem<float> b(1, 28, 10, 2);
  for (float& value : b.theta.values()) value *= 0.5F;
  const auto derivatives = a.net.cross_entropy_derivatives<float>();
  const Results<float> expected_a = fused(a, *derivatives), expected_b = fused(b, *derivatives);
  std::size_t reserved = 0;
  for (int round = 0; round < 3; ++round) {
    Results<float> got = expected_a;
    const std::array data_a{a.x, a.y}, data_b{b.x, b.y};
    derivatives->record({a.theta, data_a}, 1, OutputMode::write, got.gradient.data());
    derivatives->record({b.theta, data_b}, 1, OutputMode::write, got.gradient.data());
    derivatives->gradient({a.theta, data_a}, 1, OutputMode::write, got.gradient.data());  // leaves no record
    Results<float> of_b = expected_b;
    const std::array<float*, 2> x_of_b{of_b.dx.data(), nullptr}, y_of_a{nullptr, got.dy.data()};
    derivatives->gradient_vjp(b.direction.data(), {of_b.hvp.data(), x_of_b});
    CHECK(equal(of_b.hvp, expected_b.hvp));
    CHECK(equal(of_b.dx, expected_b.dx));
    derivatives->gradient_vjp(a.direction.data(), {got.hvp.data(), y_of_a});
    CHECK(equal(got.hvp, expected_a.hvp));
    CHECK(equal(got.dy, expected_a.dy));
    CHECK(equal(got.gradient, expected_a.gradient));
    if (round == 1) reserved = derivatives->reserved_bytes();
    if (round == 2) CHECK(derivatives->reserved_bytes() == reserved);
  }
}

TEST_CASE("fused_lenet: without a record there is nothing to differentiate") {
  const Problem<float> problem(1, 28, 10, 2);
  const auto derivatives = problem.net.cross_entropy_derivatives<float>();
  Tensor<float> out(problem.theta.shape());
  CHECK_THROWS_WITH_AS(derivatives->gradient_vjp(problem.direction.data(), {out.data()}),
                       "LossDerivatives: nothing is recorded that could be differentiated", ArgumentError);
  CHECK_THROWS_AS(derivatives->hessian_product(problem.direction.data(), out.data()), ArgumentError);
}

TEST_CASE("fused_lenet: Hessian products are the sum over the records, and keep them") {
  const Problem<double> a(1, 28, 10, 3), b(1, 28, 10, 2);
  const auto derivatives = a.net.cross_entropy_derivatives<double>();
  const Results<double> of_a = fused(a, *derivatives), of_b = fused(b, *derivatives);
  const std::array data_a{a.x, a.y}, data_b{b.x, b.y};
  Tensor<double> out(a.theta.shape()), again = out, expected = of_a.hvp;
  derivatives->record({a.theta, data_a}, 1, OutputMode::write, out.data());
  derivatives->record({b.theta, data_b}, 1, OutputMode::write, out.data());
  derivatives->hessian_product(a.direction.data(), out.data());
  const std::size_t reserved = derivatives->reserved_bytes();
  for (int round = 0; round < 3; ++round) derivatives->hessian_product(a.direction.data(), again.data());
  CHECK(derivatives->reserved_bytes() == reserved);
  CHECK(equal(again, out));
  for (Index i = 0; i < expected.size(); ++i) expected[i] += of_b.hvp[i];
  CHECK(relative_error(out, expected) <= 1e-15);
  derivatives->gradient_vjp(b.direction.data(), {out.data()});
  CHECK(equal(out, of_b.hvp));
}

TEST_CASE("fused_lenet: what does not fit is named") {
  const Problem<float> problem(1, 28, 10, 2);
  const auto derivatives = problem.net.cross_entropy_derivatives<float>();
  Tensor<float> out(problem.theta.shape());
  const auto gradient_of = [&](const Tensor<float>& theta, const Tensor<float>& x, const Tensor<float>& y) {
    const std::array data{x, y};
    derivatives->gradient({theta, data}, 1, OutputMode::write, out.data());
  };
  CHECK_THROWS_WITH_AS(gradient_of(Tensor<float>(Shape{7}), problem.x, problem.y),
                       "LeNet: theta must be (61706), got (7)", ShapeError);
  CHECK_THROWS_WITH_AS(gradient_of(problem.theta, Tensor<float>(Shape::batch(2, 1, 32, 32)), problem.y),
                       "LeNet: built for images (1, 1, 28, 28), got batch (2, 1, 32, 32)", ShapeError);
  CHECK_THROWS_WITH_AS(
      gradient_of(problem.theta, problem.x, Tensor<float>(Shape::batch(3, 10))),
      "softmax_cross_entropy: logits batch (2, 10) and labels batch (3, 10) must have one shape (N, K)", ShapeError);
}

TEST_CASE("fused_lenet: for other numbers of channels there is none, and a tape is taken") {
  CHECK(nn::LeNet(2).cross_entropy_derivatives<float>() == nullptr);
}
