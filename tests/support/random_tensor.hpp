#pragma once

#include <cstdint>

#include "hypertape/core/random.hpp"
#include "hypertape/core/tensor.hpp"

/// Tensors to test with, the same for the same seed.
namespace hypertape::testing {

/// Standard normal values.
template <class T>
Tensor<T> random_tensor(const Shape& shape, std::uint64_t seed = 1) {
  Random random(seed);
  Tensor<T> out(shape);
  for (T& value : out.values()) value = static_cast<T>(random.normal());
  return out;
}

/// Values in [0.5, 1.5), for a logarithm or a divisor.
template <class T>
Tensor<T> positive_tensor(const Shape& shape, std::uint64_t seed = 1) {
  Random random(seed);
  Tensor<T> out(shape);
  for (T& value : out.values()) value = static_cast<T>(random.uniform(0.5, 1.5));
  return out;
}

/// Whole numbers from -4 to 4. Up to a million products of two of them add up without rounding even in float: whatever
/// the order of the sum, its bits are those of the obvious loop.
template <class T>
Tensor<T> whole_numbers(const Shape& shape, std::uint64_t seed = 1) {
  Random random(seed);
  Tensor<T> out(shape);
  for (T& value : out.values()) value = static_cast<T>(random.below(9) - 4);
  return out;
}

}  // namespace hypertape::testing
