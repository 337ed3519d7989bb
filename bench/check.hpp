#pragma once

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <limits>
#include <string>

#include "hypertape/core/error.hpp"
#include "hypertape/core/tensor.hpp"

/// The comparison of a measured result with an exact one, before it is timed.
namespace hypertape::bench {

/// A measured result is wrong: the program prints no time for it and exits with 1.
class WrongResult : public Error {
 public:
  using Error::Error;
};

/// |a - exact| / |exact| for Euclidean norms; NaN, which no tolerance allows, if the shapes differ, a value is NaN, or
/// all exact values are zero.
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

/// The largest of some errors; NaN, which std::max may lose, if one of them is.
inline double largest_error(std::initializer_list<double> errors) {
  double largest = 0;
  for (const double error : errors) {
    if (!(error <= largest)) largest = error;
    if (std::isnan(error)) break;
  }
  return largest;
}

/// Returns the error. @throws WrongResult, naming what was compared, unless it is at most the tolerance.
inline double require(const std::string& what, double error, double tolerance) {
  if (error <= tolerance) return error;  // a NaN is not
  throw WrongResult(hypertape::detail::concat("WRONG RESULT: ", what, ": relative error ", error, ", at most ",
                                              tolerance, " allowed"));
}

/// Returns the relative error of a measured tensor. @throws WrongResult unless it is at most the tolerance.
template <class T>
double require(const std::string& what, const Tensor<T>& measured, const Tensor<double>& exact, double tolerance) {
  return require(what, relative_error(measured, exact), tolerance);
}

}  // namespace hypertape::bench
