#pragma once

#include "hypertape/kernels/exp.hpp"

/// Sigmoid-shaped functions and their slopes, on whole vectors.
namespace hypertape::inline HYPERTAPE_ABI::kernels {

namespace detail {

template <class T, int Lanes>
HYPERTAPE_ALWAYS_INLINE typename Simd<T, Lanes>::Vector exp_of_minus_absolute(typename Simd<T, Lanes>::Vector x) {
  return exp<T, Lanes>(x > typename Simd<T, Lanes>::Vector{} ? -x : x);
}

}  // namespace detail

/// out[i] = tanh(a[i]) = e / (e + 2) with e = exp(2 a[i]) - 1, which avoids cancellation.
template <class T>
void tanh(Index count, const T* a, T* out) {
  map_vectors(count, a, out, [](auto x) {
    constexpr int lanes = native_lanes<T>;
    using V = Simd<T, lanes>;
    auto bounded = x > V::broadcast(T(20)) ? V::broadcast(T(20)) : x;  // beyond this, tanh is 1
    bounded = bounded < V::broadcast(T(-20)) ? V::broadcast(T(-20)) : bounded;
    const auto e = expm1<T, lanes>(T(2) * bounded);
    return e / (e + T(2));
  });
}

/// out[i] = 1 / (1 + exp(-a[i])), computed from exp(-|a[i]|), which cannot overflow.
template <class T>
void sigmoid(Index count, const T* a, T* out) {
  map_vectors(count, a, out, [](auto x) {
    using V = Simd<T, native_lanes<T>>;
    const auto e = detail::exp_of_minus_absolute<T, native_lanes<T>>(x);
    return (x < V::broadcast(T(0)) ? e : V::broadcast(T(1))) / (T(1) + e);
  });
}

/// out[i] = e / (1 + e)^2 for e = exp(a[i]): the slope of `sigmoid`, without the cancellation of y (1 - y).
template <class T>
void sigmoid_slope(Index count, const T* a, T* out) {
  map_vectors(count, a, out, [](auto x) {
    const auto e = detail::exp_of_minus_absolute<T, native_lanes<T>>(x);
    return e / ((T(1) + e) * (T(1) + e));
  });
}
/// out[i] = 4 e / (1 + e)^2 for e = exp(2 a[i]): the slope of `tanh`, also without cancellation.
template <class T>
void tanh_slope(Index count, const T* a, T* out) {
  map_vectors(count, a, out, [](auto x) {
    using V = Simd<T, native_lanes<T>>;
    const auto exponent = T(2) * (x > V::broadcast(T(0)) ? -x : x);
    detail::ExpParts<T, native_lanes<T>> parts(exponent);
    parts.power *= T(4);  // first, as the result may be subnormal
    auto four_e = parts.exp();
    four_e = exponent < V::broadcast(detail::ExpConstants<T>::underflow) ? V::broadcast(T(0)) : four_e;
    const auto sum = T(1) + four_e * T(0.25);
    return four_e / (sum * sum);
  });
}

/// out[i] = log(1 + exp(a[i])) = max(a[i], 0) + log(1 + e) with e = exp(-|a[i]|). It computes log(1 + e) as 2 artanh(t)
/// with t = e / (2 + e) <= 1/3; the series 2 t (1 + t^2 / 3 + t^4 / 5 ...) keeps the digits of a small e.
template <class T>
void softplus(Index count, const T* a, T* out) {
  map_vectors(count, a, out, [](auto x) {
    using V = Simd<T, native_lanes<T>>;
    constexpr int terms = sizeof(T) == 4 ? 8 : 17;  // the rest is below the rounding error
    const auto e = detail::exp_of_minus_absolute<T, native_lanes<T>>(x), t = e / (T(2) + e), square = t * t;
    auto series = V::broadcast(T(1) / (2 * terms + 1));
    for (int k = terms - 1; k >= 0; --k) {
      auto next = V::broadcast(T(1) / static_cast<T>(2 * k + 1));
      V::add_product(next, series, square);
      series = next;
    }
    return (x < V::broadcast(T(0)) ? V::broadcast(T(0)) : x) + T(2) * t * series;
  });
}

}  // namespace hypertape::inline HYPERTAPE_ABI::kernels
