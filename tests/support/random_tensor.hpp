#pragma once

#include <cstdint>

#include "hypertape/core/random.hpp"
#include "hypertape/core/tensor.hpp"

/// Tensors for tests, the same for the same seed.
namespace hypertape::testing {

/// Standard normal values.
template <class T>
Tensor<T> random_tensor(const Shape& shape, std::uint64_t seed = 1) {
  Random random(seed);
  Tensor<T> out(shape);
  for (T& value : out.values()) value = static_cast<T>(random.normal());
  return out;
}

/// Values in [0.5, 1.5), for logarithms or divisors.
template <class T>
Tensor<T> positive_tensor(const Shape& shape, std::uint64_t seed = 1) {
  Random random(seed);
  Tensor<T> out(shape);
  for (T& value : out.values()) value = static_cast<T>(random.uniform(0.5, 1.5));
  return out;
}

/// Integers from -4 to 4. Up to a million products of two of them add up without rounding even in float, so any order
/// of the sum gives the bits of the obvious loop.
template <class T>
Tensor<T> whole_numbers(const Shape& shape, std::uint64_t seed = 1) {
  Random random(seed);
  Tensor<T> out(shape);
  for (T& value : out.values()) value = static_cast<T>(random.below(9) - 4);
  return out;
}

}  // namespace hypertape::testing
