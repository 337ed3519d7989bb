#pragma once

#include <cmath>
#include <cstdint>
#include <span>
#include <type_traits>
#include <vector>

#include "hypertape/autodiff/finite_differences.hpp"
#include "hypertape/autodiff/gradient.hpp"
#include "hypertape/autodiff/jvp.hpp"
#include "hypertape/core/random.hpp"
#include "hypertape/kernels/reduce.hpp"

namespace hypertape {

/// How far derivatives are from what they should be; each is relative, and NaN if anything compared was NaN.
struct GradientCheck {
  double pullback = 0;   ///< J^T u against central differences of <u, f>, all elements of all inputs together
  double tangent = 0;    ///< J v against the central difference of f along v
  double transpose = 0;  ///< <J v, u> against <v, J^T u>: both exact, so of the size of rounding

  /// False for NaN as well.
  bool within(double difference_tolerance, double transpose_tolerance) const {
    return pullback <= difference_tolerance && tangent <= difference_tolerance && transpose <= transpose_tolerance;
  }
};

/// Checks the derivatives of f, which takes a span of Vars (one for each input, in order) and returns one Var of any
/// shape, at the given point. f must be deterministic. Use double: a step of cbrt(epsilon) then leaves a relative error
/// near 1e-9 where f is smooth.
///
///     check_gradient<double>([](auto x) { return sum(x[0] * tanh(x[1])); }, {a, b}).within(1e-7, 1e-12)
///
/// A second-order derivative is checked by an f that takes a gradient itself.
template <class T, class Function>
GradientCheck check_gradient(const Function& f, const std::vector<Tensor<T>>& inputs, std::uint64_t seed = 1) {
  static_assert(std::is_invocable_r_v<Var<T>, const Function&, std::span<const Var<T>>>,
                "check_gradient: the function takes a span of Vars and returns a Var");
  Tape<T> tape;
  Random random(seed);
  const auto record = [&](const std::vector<Tensor<T>>& values) {
    std::vector<Var<T>> x;
    for (const Tensor<T>& value : values) x.push_back(tape.leaf(value));
    return x;
  };
  const auto random_like = [&](const Shape& shape) {
    Tensor<T> out(shape);
    for (T& value : out.values()) value = static_cast<T>(random.normal());
    return out;
  };
  const auto evaluate = [&](const std::vector<Tensor<T>>& values) {
    const auto mark = tape.mark();
    const std::vector<Var<T>> x = record(values);
    Tensor<T> out = f(std::span<const Var<T>>(x)).value();
    tape.rewind(mark);
    return out;
  };
  const auto inner = [](const Tensor<T>& a, const Tensor<T>& b) {
    return static_cast<double>(kernels::dot(a.size(), a.data(), b.data()));
  };

  const std::vector<Var<T>> x = record(inputs);
  const Var<T> y = f(std::span<const Var<T>>(x));
  const Tensor<T> u = random_like(y.shape());
  std::vector<Tensor<T>> v;
  for (const Tensor<T>& input : inputs) v.push_back(random_like(input.shape()));

  const Var<T> cotangent = tape.leaf(u);
  std::vector<Var<T>> pulled(x.size());
  vjp<T>(std::span<const Var<T>>(&y, 1), std::span<const Var<T>>(&cotangent, 1), x, pulled);
  const std::vector<Var<T>> directions = record(v);
  Var<T> pushed;
  jvp<T>(std::span<const Var<T>>(&y, 1), x, directions, std::span<Var<T>>(&pushed, 1));
  const Tensor<T> tangent = pushed.value();

  GradientCheck check;
  double transposed = 0;
  detail::RelativeDifference pullback_error, tangent_error;
  std::vector<Tensor<T>> moved = inputs;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Tensor<T> gradient = pulled[i].value();
    transposed += inner(gradient, v[i]);
    for (Index element = 0; element < inputs[i].size(); ++element) {
      T& x_i = moved[i][element];
      const double slope =
          detail::central_difference(x_i, detail::difference_step(x_i), [&] { return inner(u, evaluate(moved)); });
      pullback_error.add(static_cast<double>(gradient[element]), slope);
    }
  }
  check.pullback = pullback_error.value();

  const T step = detail::difference_step(T(1));
  std::vector<Tensor<T>> forward = inputs, backward = inputs;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    for (Index element = 0; element < inputs[i].size(); ++element) {
      forward[i][element] += step * v[i][element];
      backward[i][element] -= step * v[i][element];
    }
  }
  const Tensor<T> upper = evaluate(forward), lower = evaluate(backward);
  for (Index element = 0; element < tangent.size(); ++element) {
    const T slope = (upper[element] - lower[element]) / (2 * step);
    tangent_error.add(static_cast<double>(tangent[element]), static_cast<double>(slope));
  }
  check.tangent = tangent_error.value();

  const double pushed_inner = inner(tangent, u);
  double magnitude = 0;  // of the terms, not of the sums: these may cancel
  for (Index element = 0; element < tangent.size(); ++element) {
    magnitude += std::abs(static_cast<double>(tangent[element] * u[element]));
  }
  check.transpose = magnitude == 0 ? std::abs(transposed) : std::abs(pushed_inner - transposed) / magnitude;
  return check;
}

}  // namespace hypertape
