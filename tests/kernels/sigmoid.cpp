#include "hypertape/kernels/sigmoid.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "support/last_places.hpp"

using namespace hypertape;
using namespace hypertape::testing;

namespace {

/// The worst_error value of f, from where all underflows to where all saturates, and to 0.
template <class T, class F, class Exact>
double worst_error(const F& f, const Exact& exact) {
  const T infinity = std::numeric_limits<T>::infinity();
  std::vector<T> x = {0, infinity, -infinity, std::numeric_limits<T>::quiet_NaN()};
  for (int i = -40000; i <= 40000; ++i) x.push_back(static_cast<T>(i) * T(0.019));
  for (int exponent = -200; exponent < 60; ++exponent) {
    for (const double sign : {-1.0, 1.0}) x.push_back(static_cast<T>(std::ldexp(1.3 * sign, exponent)));
  }
  std::vector<T> y(x.size());
  f(static_cast<Index>(x.size()), x.data(), y.data());
  return worst_in_last_places(y, x, exact);
}

/// e / (1 + e)^2, e = exp(x)
long double logistic_density(long double x) {
  const long double e = std::exp(-std::abs(x));
  return e / ((1 + e) * (1 + e));
}

long double exact_softplus(long double x) {
  return std::isnan(x) ? x : std::fmax(x, 0.0L) + std::log1p(std::exp(-std::abs(x)));
}

}  // namespace

TEST_CASE_TEMPLATE("sigmoid, tanh and their slopes to their last places", T, float, double) {
  CHECK(worst_error<T>([](Index n, const T* x, T* y) { kernels::sigmoid(n, x, y); },
                       [](long double x) { return 1 / (1 + std::exp(-x)); }) <= 4);
  CHECK(worst_error<T>([](Index n, const T* x, T* y) { kernels::tanh(n, x, y); },
                       [](long double x) { return std::tanh(x); }) <= 5);
  CHECK(worst_error<T>([](Index n, const T* x, T* y) { kernels::softplus(n, x, y); }, exact_softplus) <= 4);
  CHECK(worst_error<T>([](Index n, const T* x, T* y) { kernels::sigmoid_slope(n, x, y); }, logistic_density) <= 5);
  CHECK(worst_error<T>([](Index n, const T* x, T* y) { kernels::tanh_slope(n, x, y); },
                       [](long double x) { return 4 * logistic_density(2 * x); }) <= 5);
}

TEST_CASE_TEMPLATE("tanh: a zero keeps its sign", T, float, double) {
  const T x[2] = {T(0), -T(0)};
  T y[2];
  kernels::tanh(2, x, y);
  CHECK(!std::signbit(y[0]));
  CHECK(std::signbit(y[1]));
}
