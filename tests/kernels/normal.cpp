#include "hypertape/kernels/normal.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "support/last_places.hpp"

using namespace hypertape;
using namespace hypertape::testing;

namespace {

/// From where all underflows to where all is 1, and to 0.
template <class T>
std::vector<T> points() {
  std::vector<T> x;
  for (int i = -50000; i <= 50000; ++i) x.push_back(static_cast<T>(i) * T(0.00083));
  for (int exponent = -60; exponent < 60; ++exponent) {
    for (const double sign : {-1.0, 1.0}) x.push_back(static_cast<T>(std::ldexp(1.3 * sign, exponent)));
  }
  x.insert(x.end(), {T(0), std::numeric_limits<T>::quiet_NaN()});
  return x;
}

template <class T, class F, class Exact>
double worst(const F& f, const Exact& exact, double from = -std::numeric_limits<double>::infinity()) {
  std::vector<T> x = points<T>();
  std::erase_if(x, [from](T v) { return v < from; });
  std::vector<T> y(x.size());
  f(static_cast<Index>(x.size()), x.data(), y.data());
  return worst_in_last_places(y, x, exact);
}

const long double root_of_half = std::sqrt(0.5L), density_at_0 = 1 / std::sqrt(8 * std::atan(1.0L));

long double density(long double x) { return density_at_0 * std::exp(-x * x / 2); }
long double probability(long double x) { return std::erfc(-x * root_of_half) / 2; }

}  // namespace

TEST_CASE_TEMPLATE("normal: density and probability to their last places, tails included", T, float, double) {
  CHECK(worst<T>([](Index n, const T* x, T* y) { kernels::normal_density(n, x, y); }, density) <= 3);
  CHECK(worst<T>([](Index n, const T* x, T* y) { kernels::normal_probability(n, x, y); }, probability) <= 6);
}

TEST_CASE_TEMPLATE("gelu and its derivatives", T, float, double) {
  const auto gelu = [](Index n, const T* x, T* y) { kernels::gelu(n, x, y); };
  const auto exact = [](long double x) { return x * probability(x); };
  CHECK(worst<T>(gelu, exact, sizeof(T) == 4 ? -12.8 : -37) <= 7);
  CHECK(worst<T>(gelu, exact) <= 20);  // beyond, the probability is subnormal, and its rounding is multiplied by x
  // Sums of two terms of opposite signs, which cancel at one x: in units of the last place of 1, beside the largest.
  const std::vector<T> x = points<T>();
  std::vector<T> slope(x.size()), curvature(x.size());
  kernels::gelu_slope(static_cast<Index>(x.size()), x.data(), slope.data());
  kernels::gelu_curvature(static_cast<Index>(x.size()), x.data(), curvature.data());
  const long double unit = std::numeric_limits<T>::epsilon();
  for (std::size_t i = 0; i + 1 < x.size(); ++i) {
    const long double at = x[i];
    if (!(std::abs(static_cast<long double>(slope[i]) - (probability(at) + at * density(at))) <= 4 * unit) ||
        !(std::abs(static_cast<long double>(curvature[i]) - (2 - at * at) * density(at)) <= 4 * unit)) {
      FAIL_CHECK("at ", x[i]);
    }
  }
  CHECK(std::isnan(slope.back()));
  CHECK(std::isnan(curvature.back()));
}

TEST_CASE_TEMPLATE("normal: at infinity", T, float, double) {
  const T infinity = std::numeric_limits<T>::infinity(), x[2] = {-infinity, infinity};
  T y[2];
  kernels::normal_probability(2, x, y);
  CHECK(y[0] == 0);
  CHECK(y[1] == 1);
  kernels::normal_density(2, x, y);
  CHECK(y[0] == 0);
  CHECK(y[1] == 0);
}
