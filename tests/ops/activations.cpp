#include "hypertape/ops/activations.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "support/check_function.hpp"

using namespace hypertape;
using namespace hypertape::testing;

namespace {

const Tensor<double> points = random_tensor<double>({5, 4});

/// Value, first and second derivative of an elementwise function at each point.
template <class F>
std::vector<Tensor<float>> with_derivatives(const F& f, const Tensor<float>& at) {
  Tape<float> tape;
  const Var<float> x = tape.leaf(at), y = f(x);
  const Var<float> first = gradient(sum(y), x);
  return {y.value(), first.value(), gradient(sum(first), x).value()};
}

}  // namespace

TEST_CASE("activations: relu") {
  check_function([](auto x) { return relu(x); }, [](double x) { return x > 0 ? x : 0; }, points);
}
TEST_CASE("activations: tanh") {
  check_function([](auto x) { return tanh(x); }, [](double x) { return std::tanh(x); }, points);
}
TEST_CASE("activations: sigmoid") {
  check_function([](auto x) { return sigmoid(x); }, [](double x) { return 1 / (1 + std::exp(-x)); }, points);
}
TEST_CASE("activations: softplus") {
  check_function([](auto x) { return softplus(x); }, [](double x) { return std::log(1 + std::exp(x)); }, points);
}

TEST_CASE("relu: its derivative at 0 is 0, in both modes") {
  Tape<double> tape;
  const Var<double> x = tape.leaf(Tensor<double>({4}, {-1, -0.0, 0, 2}));
  const Tensor<double> expected({4}, {0, 0, 0, 1});
  CHECK(equal(gradient(sum(relu(x)), x).value(), expected));
  CHECK(equal(jvp(relu(x), x, tape.full({4}, 1)).value(), expected));
}

TEST_CASE("relu: keeps NaN and infinity") {
  Tape<float> tape;
  const float infinity = std::numeric_limits<float>::infinity();
  const Tensor<float> y =
      relu(tape.leaf(Tensor<float>({3}, {std::numeric_limits<float>::quiet_NaN(), infinity, -infinity}))).value();
  CHECK(std::isnan(y[0]));
  CHECK(y[1] == infinity);
  CHECK(y[2] == 0);
}

TEST_CASE("sigmoid and softplus: nothing overflows far from 0, nor do derivatives") {
  const Tensor<float> far({2}, {-1000, 1000});
  const auto smooth_step = with_derivatives([](auto x) { return sigmoid(x); }, far);
  CHECK(equal(smooth_step[0], Tensor<float>({2}, {0, 1})));
  CHECK(equal(smooth_step[1], Tensor<float>({2}, {0, 0})));
  CHECK(equal(smooth_step[2], Tensor<float>({2}, {0, 0})));
  const auto smooth_ramp = with_derivatives([](auto x) { return softplus(x); }, far);
  CHECK(equal(smooth_ramp[0], Tensor<float>({2}, {0, 1000})));
  CHECK(equal(smooth_ramp[1], Tensor<float>({2}, {0, 1})));
  CHECK(equal(smooth_ramp[2], Tensor<float>({2}, {0, 0})));
}

TEST_CASE("sigmoid and softplus: keep their precision where they are small") {
  // e^-40 to relative rounding: 1 + e^-40 is 1, so that a plain log(1 + e^x) would be 0.
  Tape<double> tape;
  const Var<double> x = tape.scalar(-40);
  CHECK(std::abs(softplus(x).item() / std::exp(-40.0) - 1) <= 1e-15);
  CHECK(std::abs(sigmoid(x).item() / std::exp(-40.0) - 1) <= 1e-15);
}
