#include "hypertape/kernels/exp.hpp"

#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "support/last_places.hpp"

using namespace hypertape;
using namespace hypertape::testing;

namespace {

template <class T>
std::vector<T> exp(const std::vector<T>& x) {
  std::vector<T> y(x.size(), std::numeric_limits<T>::quiet_NaN());
  kernels::exp(static_cast<Index>(x.size()), x.data(), y.data());
  return y;
}

}  // namespace

TEST_CASE("exp: within 2 units in the last place, over all numbers in single precision") {
  std::vector<float> x;
  for (std::uint64_t bits = 0; bits < std::uint64_t{1} << 32; bits += 997) {  // every sign, exponent and NaN
    x.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(bits)));
  }
  for (int i = -110000; i <= 100000; ++i) x.push_back(static_cast<float>(i) * 1e-3F);  // where results are numbers
  CHECK(worst_in_last_places(exp(x), x, [](double v) { return std::exp(v); }) <= 2);
}

TEST_CASE("exp: within 2 units in the last place, in double precision") {
  std::vector<double> x;
  for (int i = -760000; i <= 720000; ++i) x.push_back(i * 1e-3);
  for (int exponent = -1074; exponent < 1024; ++exponent) {
    x.push_back(std::ldexp(1.0, exponent));
    x.push_back(-std::ldexp(1.7, exponent));
  }
  CHECK(worst_in_last_places(exp(x), x, [](long double v) { return std::exp(v); }) <= 2);
}

TEST_CASE_TEMPLATE("exp: at 0, infinities, NaN, and the ends of the range", T, float, double) {
  using Limits = std::numeric_limits<T>;
  const T infinity = Limits::infinity();
  const std::vector<T> y = exp<T>(
      {0, -T(0), infinity, -infinity, Limits::quiet_NaN(), (Limits::max)(), Limits::lowest(), Limits::denorm_min()});
  CHECK(y[0] == 1);
  CHECK(y[1] == 1);
  CHECK(y[2] == infinity);
  CHECK(y[3] == 0);
  CHECK(std::isnan(y[4]));
  CHECK(y[5] == infinity);
  CHECK(y[6] == 0);
  CHECK(y[7] == 1);
  const T largest = std::log((Limits::max)()), least = std::log(Limits::denorm_min());
  const std::vector<T> ends = exp<T>({std::nextafter(largest, T(0)), largest * T(1.001), least * T(0.999), least - 1});
  CHECK(std::isfinite(ends[0]));
  CHECK(ends[1] == infinity);
  CHECK(ends[2] > 0);
  CHECK(ends[2] < (Limits::min)());
  CHECK(ends[3] == 0);
}

TEST_CASE_TEMPLATE("exp: a value has the same bits wherever it stands, and in place", T, float, double) {
  for (std::size_t count = 1; count <= 70; ++count) {
    std::vector<T> x;
    for (std::size_t i = 0; i < count; ++i) x.push_back(static_cast<T>(i) * T(0.37) - 9);
    const std::vector<T> y = exp(x);
    for (std::size_t i = 0; i < count; ++i) CHECK(y[i] == exp<T>({x[i]})[0]);
    for (std::size_t i = 0; i < count; ++i)
      CHECK(y[i] == kernels::exp<T, 1>(typename kernels::Simd<T, 1>::Vector{x[i]})[0]);
    kernels::exp(static_cast<Index>(count), x.data(), x.data());
    CHECK(x == y);
  }
}

TEST_CASE_TEMPLATE("expm1: within 3 units in the last place; infinities, NaN, the sign of 0", T, float, double) {
  std::vector<T> x;
  for (int i = -2000; i <= 9000; ++i) x.push_back(static_cast<T>(i) * T(0.01));
  for (int exponent = -1070; exponent < 1024; ++exponent) {
    for (const double sign : {-1.0, 1.0}) x.push_back(static_cast<T>(std::ldexp(1.3 * sign, exponent)));
  }
  x.insert(x.end(), {T(709.5), T(88.6), std::numeric_limits<T>::quiet_NaN(), -std::numeric_limits<T>::infinity()});
  std::vector<T> y(x.size());
  kernels::expm1(static_cast<Index>(x.size()), x.data(), y.data());
  CHECK(worst_in_last_places(y, x, [](long double v) { return std::expm1(v); }) <= 3);
  const T zeros[2] = {T(0), -T(0)};
  T results[2];
  kernels::expm1(2, zeros, results);
  CHECK(!std::signbit(results[0]));
  CHECK(std::signbit(results[1]));
}
