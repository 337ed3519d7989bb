#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "hypertape/core/random.hpp"
#include "hypertape/core/tensor.hpp"
#include "hypertape/ops/losses.hpp"

/// Random inputs for benchmarks.
namespace hypertape::bench {

/// Standard normal values.
template <class T>
Tensor<T> noise(const Shape& shape, Random& random) {
  Tensor<T> out(shape);
  for (T& value : out.values()) value = static_cast<T>(random.normal());
  return out;
}

/// One-hot rows of the labels 0, 1, .. 9, 0, 1, .. for `count` samples.
template <class T>
Tensor<T> ten_classes(Index count) {
  std::vector<std::int32_t> classes;
  for (Index n = 0; n < count; ++n) classes.push_back(static_cast<std::int32_t>(n % 10));
  return one_hot<T>(std::span<const std::int32_t>(classes), 10);
}

}  // namespace hypertape::bench
