#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "hypertape/core/tensor.hpp"

namespace hypertape::testing {

/// Whether shapes and values are equal, without any NaN.
template <class T>
bool equal(const Tensor<T>& a, const Tensor<T>& b) {
  return a.shape() == b.shape() && std::equal(a.values().begin(), a.values().end(), b.values().begin());
}

/// |a - b| / |b| with Euclidean norms, |a| if b is zero; NaN if the shapes differ or a value is NaN.
template <class A, class B>
double relative_error(const Tensor<A>& a, const Tensor<B>& b) {
  if (a.shape() != b.shape()) return std::numeric_limits<double>::quiet_NaN();
  double difference = 0, scale = 0;
  for (Index i = 0; i < a.size(); ++i) {
    const auto expected = static_cast<double>(b[i]);
    difference += std::pow(static_cast<double>(a[i]) - expected, 2);
    scale += std::pow(expected, 2);
  }
  return std::sqrt(scale == 0 ? difference : difference / scale);
}

/// Checks each value against the double reference(i). A few operations on numbers near 1 cause errors of a few units in
/// the last place of 1, or of the result if that is larger.
template <class T, class Reference>
void check_values(const Tensor<T>& values, const Reference& reference) {
  constexpr double roundings = 8 * static_cast<double>(std::numeric_limits<T>::epsilon());
  for (Index i = 0; i < values.size(); ++i) {
    CAPTURE(i);
    const double expected = reference(i);
    const double error = std::abs(static_cast<double>(values[i]) - expected);
    CHECK(error <= roundings * std::max(1.0, std::abs(expected)));
  }
}

}  // namespace hypertape::testing
