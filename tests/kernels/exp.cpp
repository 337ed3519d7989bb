#include "hypertape/kernels/exp.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

using namespace hypertape;

namespace {

template <class T>
std::vector<T> exp(const std::vector<T>& x) {
  std::vector<T> y(x.size(), std::numeric_limits<T>::quiet_NaN());
  kernels::exp(static_cast<Index>(x.size()), x.data(), y.data());
  return y;
}

/// The largest distance of the results from those of a wider type, in units of their last place, which is the same for
/// all subnormal numbers. Infinity unless NaN and infinity come where they must.
template <class Wider, class T>
double worst_in_last_places(const std::vector<T>& x) {
  using Limits = std::numeric_limits<T>;
  const std::vector<T> y = exp(x);
  double worst = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const Wider exact = std::exp(static_cast<Wider>(x[i]));
    const T rounded = static_cast<T>(exact);
    if (std::isnan(rounded) || std::isinf(rounded)) {
      if (std::isnan(rounded) ? !std::isnan(y[i]) : y[i] != rounded) return static_cast<double>(Limits::infinity());
      continue;
    }
    int exponent = 0;
    static_cast<void>(std::frexp((std::max)(rounded, (Limits::min)()), &exponent));
    const Wider place = std::ldexp(Wider(1), exponent - Limits::digits);
    const auto distance = static_cast<double>(std::abs(static_cast<Wider>(y[i]) - exact) / place);
    if (!(distance <= worst)) worst = distance;
    if (std::isnan(worst)) break;
  }
  return worst;
}

}  // namespace

TEST_CASE("exp: within 2 units in the last place, over all numbers in single precision") {
  std::vector<float> x;
  for (std::uint64_t bits = 0; bits < std::uint64_t{1} << 32; bits += 997) {  // every sign, exponent and NaN
    x.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(bits)));
  }
  for (int i = -110000; i <= 100000; ++i) x.push_back(static_cast<float>(i) * 1e-3F);  // where results are numbers
  CHECK(worst_in_last_places<double>(x) <= 2);
}

TEST_CASE("exp: within 2 units in the last place, in double precision") {
  std::vector<double> x;
  for (int i = -760000; i <= 720000; ++i) x.push_back(i * 1e-3);
  for (int exponent = -1074; exponent < 1024; ++exponent) {
    x.push_back(std::ldexp(1.0, exponent));
    x.push_back(-std::ldexp(1.7, exponent));
  }
  CHECK(worst_in_last_places<long double>(x) <= 2);
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
