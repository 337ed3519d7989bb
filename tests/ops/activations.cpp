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

/// Checks the first and second derivatives of f, to four units in the last place.
template <class T, class F, class First, class Second>
void check_slopes(const F& f, const First& first, const Second& second) {
  std::vector<T> values;
  for (int i = 0; i <= 4000; ++i) values.push_back(T(i) / 40);             // to where all underflows
  for (int i = 0; i <= 60; ++i) values.push_back(std::ldexp(T(1.7), -i));  // to where x is all that counts
  for (std::size_t i = 0, count = values.size(); i < count; ++i) values.push_back(-values[i]);
  const Tensor<T> at(Shape{static_cast<Index>(values.size())}, values);
  Tape<T> tape;
  const Var<T> x = tape.leaf(at), slope = gradient(sum(f(x)), x);
  const Tensor<T> got[] = {slope.value(), gradient(sum(slope), x).value(),
                           hvp(sum(f(x)), x, tape.full(at.shape(), 1)).value()};
  for (Index i = 0; i < at.size(); ++i) {
    CAPTURE(at[i]);
    const auto check = [](T value, long double expected) {
      const T rounded = std::abs(static_cast<T>(expected));
      const T unit = std::nextafter(rounded, std::numeric_limits<T>::infinity()) - rounded;
      CHECK(std::abs(static_cast<long double>(value) - expected) <= 4 * static_cast<long double>(unit));
    };
    check(got[0][i], first(static_cast<long double>(at[i])));
    check(got[1][i], second(static_cast<long double>(at[i])));
    check(got[2][i], second(static_cast<long double>(at[i])));
  }
}

/// exp(x) / (1 + exp(x))^2
long double logistic_density(long double x) { return 0.25L / std::pow(std::cosh(x / 2), 2.0L); }

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

TEST_CASE_TEMPLATE("sigmoid, softplus and tanh: derivatives do not cancel where the function saturates", T, float,
                   double) {
  const auto density = [](long double x) { return logistic_density(x); };
  const auto density_slope = [](long double x) { return -logistic_density(x) * std::tanh(x / 2); };
  check_slopes<T>([](auto x) { return sigmoid(x); }, density, density_slope);
  check_slopes<T>([](auto x) { return tanh(x); }, [](long double x) { return 4 * logistic_density(2 * x); },
                  [](long double x) { return -8 * logistic_density(2 * x) * std::tanh(x); });
  check_slopes<T>([](auto x) { return softplus(x); }, [](long double x) { return 1 / (1 + std::exp(-x)); }, density);
}

TEST_CASE("sigmoid and tanh: derivatives at infinity are 0, those of a NaN NaN") {
  const float infinity = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  const Tensor<float> at({3}, {-infinity, infinity, nan});
  for (const auto& derivatives : {with_derivatives([](auto x) { return sigmoid(x); }, at),
                                  with_derivatives([](auto x) { return tanh(x); }, at)}) {
    for (const int order : {1, 2}) {
      const auto& values = derivatives[static_cast<std::size_t>(order)];
      CHECK(values[0] == 0);
      CHECK(values[1] == 0);
      CHECK(std::isnan(values[2]));
    }
  }
}

TEST_CASE("activations: leaky_relu and elu") {
  check_function([](auto x) { return leaky_relu(x, 0.2F); }, [](double x) { return x > 0 ? x : 0.2F * x; }, points);
  check_function([](auto x) { return elu(x, 1.5F); }, [](double x) { return x > 0 ? x : 1.5 * std::expm1(x); }, points);
  Tape<double> tape;
  const Var<double> zero = tape.scalar(0);
  CHECK(gradient(leaky_relu(zero, 0.25), zero).item() == 0.25);
  CHECK(gradient(elu(zero, 2.), zero).item() == 2);
}
TEST_CASE("activations: silu, gelu and its approximation") {
  check_function([](auto x) { return silu(x); }, [](double x) { return x / (1 + std::exp(-x)); }, points);
  check_function([](auto x) { return gelu(x); }, [](double x) { return x * std::erfc(-x / std::sqrt(2.)) / 2; },
                 points);
  const double factor = std::sqrt(2 / 3.14159265358979323846);
  check_function([](auto x) { return gelu_tanh(x); },
                 [=](double x) { return x * (1 + std::tanh(factor * (x + 0.044715 * x * x * x))) / 2; }, points);
}
