#pragma once

#include <cmath>
#include <limits>
#include <span>
#include <vector>

#include "hypertape/core/random.hpp"
#include "hypertape/core/tensor.hpp"
#include "hypertape/ops/losses.hpp"

/// Inputs of the benchmarks, and the comparison of a result with an exact one.
namespace hypertape::bench {

/// Standard normal values.
template <class T>
Tensor<T> noise(const Shape& shape, Random& random) {
  Tensor<T> out(shape);
  for (T& value : out.values()) value = static_cast<T>(random.normal());
  return out;
}

/// The labels 0, 1, .. 9, 0, 1, .. of `count` samples as one-hot rows.
template <class T>
Tensor<T> ten_classes(Index count) {
  std::vector<std::int32_t> classes;
  for (Index n = 0; n < count; ++n) classes.push_back(static_cast<std::int32_t>(n % 10));
  return one_hot<T>(std::span<const std::int32_t>(classes), 10);
}

/// |a - exact| / |exact| for Euclidean norms; NaN, which no tolerance allows, if the shapes differ or a value is NaN.
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

}  // namespace hypertape::bench
