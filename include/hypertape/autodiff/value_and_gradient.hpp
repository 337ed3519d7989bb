#pragma once

#include <concepts>
#include <span>
#include <vector>

#include "hypertape/autodiff/gradient.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

/// A scalar function's value and its gradient: one of the argument's shape, or one for each of several arguments.
template <class T, class Gradient = Tensor<T>>
struct ValueAndGradient {
  T value;            ///< f(x)
  Gradient gradient;  ///< df/dx
};

/// Computes the value and gradient of a function at x; it takes one Var and returns a scalar. No tape is needed:
///
///     auto [value, gradient] = value_and_gradient([](auto x) { return sum(square(x)); }, tensor);
///
/// @throws ShapeError if the function's value is not a scalar.
template <class T, std::invocable<Var<T>> Function>
ValueAndGradient<T> value_and_gradient(const Function& f, const Tensor<T>& x) {
  Tape<T> tape;
  const Var<T> argument = tape.view(x.shape(), x.data()), value = f(argument);
  const Var<T> slope = gradient(value, argument);
  return {value.item(), slope.value()};
}

/// The same for a function of a span of Vars, one for each tensor.
template <class T, std::invocable<std::span<const Var<T>>> Function>
ValueAndGradient<T, std::vector<Tensor<T>>> value_and_gradient(const Function& f, const std::vector<Tensor<T>>& x) {
  Tape<T> tape;
  std::vector<Var<T>> arguments, slopes(x.size());
  for (const Tensor<T>& tensor : x) arguments.push_back(tape.view(tensor.shape(), tensor.data()));
  const Var<T> value = f(std::span<const Var<T>>(arguments));
  gradient<T>(value, arguments, slopes);
  ValueAndGradient<T, std::vector<Tensor<T>>> result{value.item(), {}};
  for (const Var<T>& slope : slopes) result.gradient.push_back(slope.value());
  return result;
}

}  // namespace hypertape::inline HYPERTAPE_ABI
