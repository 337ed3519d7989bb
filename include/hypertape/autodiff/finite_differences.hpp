#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "hypertape/core/shape.hpp"

namespace hypertape::inline HYPERTAPE_ABI::detail {

/// The step of a central difference that minimizes the error where f is smooth: cbrt(epsilon), relative to |x| if that
/// is above 1.
template <class T>
T difference_step(T x) {
  static const T step = std::cbrt(std::numeric_limits<T>::epsilon());
  return step * (std::max)(T(1), std::abs(x));
}

/// (f(x + h) - f(x - h)) / 2 h for a function without arguments that reads x; x is restored.
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

/// The central difference for an x that must stay in least <= x < end, with a suitable step. Where one side has no room
/// for a step, it uses the parabola through x and two steps to the other side, whose error is also of order h^2.
template <class T, class F>
double difference_within(T& x, T least, T end, const F& f) {
  const T before = x, h = (std::min)(difference_step(x), (end - least) / 8);
  if (before - h >= least && before + h < end) return central_difference(x, h, f);
  const T step = before - h < least ? h : -h;
  const double here = f();
  x = before + step;
  const auto one_step = static_cast<double>(x - before);  // the step after rounding
  const double after_one = f();
  x = before + 2 * step;
  const auto two_steps = static_cast<double>(x - before);
  const double after_two = f();
  x = before;
  return ((after_one - here) * two_steps / one_step - (after_two - here) * one_step / two_steps) /
         (two_steps - one_step);
}

/// How far numbers are from estimates of them: |a - b| / max(|a|, |b|), in Euclidean norms. It is 0 for two zeros, and
/// NaN if any number is NaN.
class RelativeDifference {
 public:
  /// One of the compared numbers.
  struct Element {
    std::size_t tensor = 0;
    Index element = 0;
    double exact = 0, estimate = 0;
  };

  /// Adds element `element` of a tensor.
  void add(double exact, double estimate, std::size_t tensor = 0, Index element = 0) {
    if (!(std::abs(estimate - exact) <= std::abs(worst_.estimate - worst_.exact))) {
      if (!std::isnan(worst_.estimate - worst_.exact)) worst_ = {tensor, element, exact, estimate};
    }
    difference_ += (estimate - exact) * (estimate - exact);
    exact_ += exact * exact;
    estimate_ += estimate * estimate;
  }
  double value() const {
    const double scale = this->scale();
    return scale > 0 ? std::sqrt(difference_) / scale : std::sqrt(difference_);
  }
  /// The larger of the two norms.
  double scale() const { return std::sqrt((std::max)(exact_, estimate_)); }
  /// The element with the largest error, or the first NaN.
  const Element& worst() const { return worst_; }

 private:
  double difference_ = 0, exact_ = 0, estimate_ = 0;  // sums of squares
  Element worst_;
};

}  // namespace hypertape::inline HYPERTAPE_ABI::detail
