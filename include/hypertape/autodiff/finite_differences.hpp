#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

namespace hypertape::detail {

/// The step of a central difference that leaves the smallest error where f is smooth: cbrt(epsilon), relative to
/// numbers above 1.
template <class T>
T difference_step(T x) {
  static const T step = std::cbrt(std::numeric_limits<T>::epsilon());
  return step * std::max(T(1), std::abs(x));
}

/// (f(x + h) - f(x - h)) / 2 h for a function of no arguments that reads x, which is put back.
template <class T, class F>
double central_difference(T& x, T h, const F& f) {
  const T before = x;
  x = before + h;
  const T above = x;
  const double upper = f();
  x = before - h;
  const double slope = (upper - f()) / static_cast<double>(above - x);
  x = before;
  return slope;
}

/// How far numbers are from estimates of them: |a - b| / max(|a|, |b|), of Euclidean norms. Two zeros agree; a NaN
/// makes it NaN.
class RelativeDifference {
 public:
  void add(double exact, double estimate) {
    difference_ += (estimate - exact) * (estimate - exact);
    exact_ += exact * exact;
    estimate_ += estimate * estimate;
  }
  double value() const {
    const double scale = std::sqrt(std::max(exact_, estimate_));
    return scale == 0 ? std::sqrt(difference_) : std::sqrt(difference_) / scale;
  }

 private:
  double difference_ = 0, exact_ = 0, estimate_ = 0;  // sums of squares
};

}  // namespace hypertape::detail
