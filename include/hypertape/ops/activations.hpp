#pragma once

#include <algorithm>
#include <cmath>
#include <numbers>
#include <type_traits>

#include "hypertape/kernels/normal.hpp"
#include "hypertape/kernels/sigmoid.hpp"
#include "hypertape/ops/math.hpp"

/// Activation functions, elementwise.
namespace hypertape::inline HYPERTAPE_ABI {

namespace detail {

/// A(x) v = 0 where x <= 0, else v (a NaN in x passes v, as in PyTorch): linear in v, piecewise constant in x.
template <class T>
Var<T> relu_mask(Var<T> x, Var<T> v) {
  const auto again = [](Var<T> at, Var<T>, Var<T>, Var<T> u) { return relu_mask(at, u); };
  return apply_binary(
      "relu_mask", x, v, [](T at, T u) { return at <= 0 ? T(0) : u; }, zero_derivative, again, true);
}

/// sigmoid'(x) = e / (1 + e)^2 with e = exp(x); its derivative is itself times sigmoid(-x) - sigmoid(x) = -tanh(x / 2).
template <class T>
Var<T> sigmoid_slope(Var<T> x) {
  return apply_unary(
      "sigmoid_slope", x, [](Index count, const T* from, T* to) { kernels::sigmoid_slope(count, from, to); },
      [](Var<T> at, Var<T> y, Var<T> v) { return -(y * tanh(T(0.5) * at) * v); });
}

/// tanh'(x) = 4 sigmoid'(2 x).
template <class T>
Var<T> tanh_slope(Var<T> x) {
  return apply_unary(
      "tanh_slope", x, [](Index count, const T* from, T* to) { kernels::tanh_slope(count, from, to); },
      [](Var<T> at, Var<T> y, Var<T> v) { return T(-2) * (y * tanh(at)) * v; });
}

/// The density of the standard normal distribution.
template <class T>
Var<T> normal_density(Var<T> x) {
  return apply_unary(
      "normal_density", x, [](Index count, const T* from, T* to) { kernels::normal_density(count, from, to); },
      [](Var<T> at, Var<T> y, Var<T> v) { return -(at * y * v); });
}

/// gelu''(x) = (2 - x^2) p(x) with the normal density p; its derivative is (x^3 - 4 x) p(x).
template <class T>
Var<T> gelu_curvature(Var<T> x) {
  return apply_unary(
      "gelu_curvature", x, [](Index count, const T* from, T* to) { kernels::gelu_curvature(count, from, to); },
      [](Var<T> at, Var<T>, Var<T> v) { return at * (square(at) - T(4)) * normal_density(at) * v; });
}

/// gelu'(x).
template <class T>
Var<T> gelu_slope(Var<T> x) {
  return apply_unary(
      "gelu_slope", x, [](Index count, const T* from, T* to) { kernels::gelu_slope(count, from, to); },
      [](Var<T> at, Var<T>, Var<T> v) { return gelu_curvature(at) * v; });
}

/// `scale` exp(x) where x <= 0, else 0. It is its own derivative.
template <class T>
Var<T> exponential_below_zero(Var<T> x, T scale) {
  return apply_unary(
      "exponential_below_zero", x, [scale](T v) { return v <= 0 ? scale * std::exp(v) : T(0); },
      [](Var<T>, Var<T> y, Var<T> v) { return y * v; });
}

}  // namespace detail

/// The larger of x and 0, with derivative 0 at 0. NaN gives NaN.
template <class T>
Var<T> relu(Var<T> x) {
  return apply_unary(
      "relu", x, [](T v) { return v < 0 ? T(0) : v; },
      [](Var<T> at, Var<T>, Var<T> v) { return detail::relu_mask(at, v); }, true);
}
/// x where x is positive, else `below` x; `below` is also the derivative at 0.
template <class T>
Var<T> leaky_relu(Var<T> x, Number<T> below = 0.01) {
  const T slope = below.value;
  const auto derivative = [slope](Var<T> at, Var<T>, Var<T> v) {
    return apply_unary(
               "leaky_relu_slope", at, [slope](T u) { return u > 0 ? T(1) : slope; }, detail::zero_derivative, true) *
           v;
  };
  return apply_unary(
      "leaky_relu", x, [slope](T v) { return v > 0 ? v : slope * v; }, derivative, true);
}
/// x where x is positive, else `scale` (exp(x) - 1), with derivative `scale` at 0.
template <class T>
Var<T> elu(Var<T> x, Number<T> scale = 1) {
  const T alpha = scale.value;
  return apply_unary(
      "elu", x, [alpha](T v) { return v > 0 ? v : alpha * std::expm1(v); },
      [alpha](Var<T> at, Var<T>, Var<T> v) {
        return detail::relu_mask(at, v) + detail::exponential_below_zero(at, alpha) * v;
      });
}
/// The hyperbolic tangent.
template <class T>
Var<T> tanh(Var<T> x) {
  return apply_unary(
      "tanh", x, [](Index count, const T* from, T* to) { kernels::tanh(count, from, to); },
      [](Var<T> at, Var<T>, Var<T> v) { return detail::tanh_slope(at) * v; });
}
/// 1 / (1 + exp(-x)).
template <class T>
Var<T> sigmoid(Var<T> x) {
  return apply_unary(
      "sigmoid", x, [](Index count, const T* from, T* to) { kernels::sigmoid(count, from, to); },
      [](Var<T> at, Var<T>, Var<T> v) { return detail::sigmoid_slope(at) * v; });
}
/// Softplus, log(1 + exp(x)).
template <class T>
Var<T> softplus(Var<T> x) {
  return apply_unary(
      "softplus", x, [](Index count, const T* from, T* to) { kernels::softplus(count, from, to); },
      [](Var<T> at, Var<T>, Var<T> v) { return sigmoid(at) * v; });
}
/// x sigmoid(x).
template <class T>
Var<T> silu(Var<T> x) {
  return x * sigmoid(x);
}
/// x times the probability that a standard normal variable is below x (Hendrycks and Gimpel 2016).
template <class T>
Var<T> gelu(Var<T> x) {
  return apply_unary(
      "gelu", x, [](Index count, const T* from, T* to) { kernels::gelu(count, from, to); },
      [](Var<T> at, Var<T>, Var<T> v) { return detail::gelu_slope(at) * v; });
}
/// The tanh approximation of `gelu`: x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2.
template <class T>
Var<T> gelu_tanh(Var<T> x) {
  const auto factor = T(std::numbers::sqrt2 * std::numbers::inv_sqrtpi);
  return T(0.5) * x * (T(1) + tanh(factor * (x + T(0.044715) * x * square(x))));
}

}  // namespace hypertape::inline HYPERTAPE_ABI
