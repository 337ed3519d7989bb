#pragma once

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <limits>
#include <string>

#include "hypertape/core/error.hpp"
#include "hypertape/core/tensor.hpp"

/// Compares a measured result with an exact one before it is timed.
namespace hypertape::bench {

/// A measured result is wrong. The program then prints no time for it and exits with 1.
class WrongResult : public Error {
 public:
  using Error::Error;
};

/// |a - exact| / |exact| with Euclidean norms. NaN, which no tolerance accepts, if the shapes differ, a value is NaN,
/// or all exact values are zero.
template <class T>
double relative_error(const Tensor<T>& a, const Tensor<double>& exact) {
  if (a.shape() != exact.shape()) return std::numeric_limits<double>::quiet_NaN();
  double difference = 0, total = 0;
  for (Index i = 0; i < exact.size(); ++i) {
    difference += std::pow(static_cast<double>(a[i]) - exact[i], 2);
    total += exact[i] * exact[i];
  }
  return std::sqrt(difference / total);
}

/// The largest error; NaN if one is NaN, which std::max could lose.
inline double largest_error(std::initializer_list<double> errors) {
  double largest = 0;
  for (const double error : errors) {
    if (!(error <= largest)) largest = error;
    if (std::isnan(error)) break;
  }
  return largest;
}

/// Returns the error. @throws WrongResult naming what was compared if it exceeds the tolerance.
inline double require(const std::string& what, double error, double tolerance) {
  if (error <= tolerance) return error;  // false for NaN
  throw WrongResult(hypertape::detail::concat("WRONG RESULT: ", what, ": relative error ", error, ", at most ",
                                              tolerance, " allowed"));
}

/// Returns the relative error of a measured tensor. @throws WrongResult if it exceeds the tolerance.
template <class T>
double require(const std::string& what, const Tensor<T>& measured, const Tensor<double>& exact, double tolerance) {
  return require(what, relative_error(measured, exact), tolerance);
}

}  // namespace hypertape::bench
