#pragma once

#include <array>
#include <bit>
#include <numbers>

#include "hypertape/kernels/exp.hpp"

/// The standard normal distribution, on whole vectors: its density p and distribution function P, and gelu(x) = x P(x)
/// with its derivatives.
namespace hypertape::inline HYPERTAPE_ABI::kernels {

namespace detail {

/// (1 + 2 z) exp(z^2) erfc(z) for z >= 0 as a polynomial in t = (z - 3) / (z + 3), by Chebyshev interpolation, highest
/// power first. Its relative error is 4e-9 in single precision and 1e-16 in double.
template <class T>
inline constexpr auto scaled_erfc = [] {
  if constexpr (sizeof(T) == 4) {
    return std::array<T, 12>{7.731024224e-5F, -9.254516687e-5F, -0.000726453679F, 0.001875079124F,
                             0.00249911687F,  -0.02376357644F,  0.06831656777F,   -0.1192752753F,
                             0.1296441143F,   -0.04756215693F,  -0.1356210694F,   1.253008056F};
  } else {
    return std::array<T, 24>{
        9.86253351034558759e-10, -3.18135414349692733e-9,  -1.33129196610386877e-8,  2.78438812655022206e-8,
        1.01836206038427366e-7,  -1.20541422864893789e-7,  -6.16601146039872593e-7,  3.36697908064075958e-7,
        3.47237094497716817e-6,  -7.18788383440426665e-7,  -0.0000201005422685256,   4.94412434222365985e-6,
        0.000125099342458372909, -0.000105158312978131282, -0.000779832269654330652, 0.0018886900977441495,
        0.00252939181569396953,  -0.0237705148915300752,   0.0683080273440099038,    -0.119273663416760023,
        0.129645158702759392,    -0.0475622943534203791,   -0.135621106124581159,    1.25300805826972955};
  }
}();

/// P and p in each lane. Tails keep their relative accuracy: where x is negative, P is exp(-x^2 / 2) times a factor of
/// moderate size, and the exponent is exact, since the upper half of x's digits has an exact square.
template <class T, int Lanes>
struct Normal {
  typename Simd<T, Lanes>::Vector probability, density;

  HYPERTAPE_ALWAYS_INLINE explicit Normal(typename Simd<T, Lanes>::Vector x) {
    using V = Simd<T, Lanes>;
    using C = ExpConstants<T>;
    using Integers = typename Simd<typename C::Integer, Lanes>::Vector;
    const auto zero = V::broadcast(T(0)), most = V::broadcast(sizeof(T) == 4 ? T(15) : T(40));  // beyond this, p is 0
    auto a = x < zero ? -x : x;
    a = a > most ? most : a;
    const auto mask = Simd<typename C::Integer, Lanes>::broadcast(
        static_cast<typename C::Integer>(~((typename C::Integer{1} << (C::fraction_bits / 2 + 1)) - 1)));
    const auto upper = std::bit_cast<typename V::Vector>(std::bit_cast<Integers>(a) & mask);
    const auto falling = exp<T, Lanes>(upper * upper * T(-0.5), (upper - a) * (upper + a) * T(0.5));
    const auto z = a * T(std::numbers::sqrt2 / 2);
    const auto t = (z - T(3)) / (z + T(3));
    auto series = V::broadcast(scaled_erfc<T>[0]);
    for (std::size_t k = 1; k < scaled_erfc<T>.size(); ++k) {
      auto next = V::broadcast(scaled_erfc<T>[k]);
      V::add_product(next, series, t);
      series = next;
    }
    const auto tail = falling * series / (T(2) + T(4) * z);
    density = falling * T(std::numbers::inv_sqrtpi / std::numbers::sqrt2);
    probability = x > zero ? T(1) - tail : tail;
  }
};

}  // namespace detail

/// out[i] = exp(-a[i]^2 / 2) / sqrt(2 pi).
template <class T>
void normal_density(Index count, const T* a, T* out) {
  map_vectors(count, a, out, [](auto x) { return detail::Normal<T, native_lanes<T>>(x).density; });
}
/// out[i] = P(a[i]), the probability that a standard normal variable is below a[i].
template <class T>
void normal_probability(Index count, const T* a, T* out) {
  map_vectors(count, a, out, [](auto x) { return detail::Normal<T, native_lanes<T>>(x).probability; });
}
/// out[i] = gelu(a[i]) = x P(x).
template <class T>
void gelu(Index count, const T* a, T* out) {
  map_vectors(count, a, out, [](auto x) { return x * detail::Normal<T, native_lanes<T>>(x).probability; });
}
/// out[i] = gelu'(a[i]) = P(x) + x p(x).
template <class T>
void gelu_slope(Index count, const T* a, T* out) {
  map_vectors(count, a, out, [](auto x) {
    const detail::Normal<T, native_lanes<T>> normal(x);
    return normal.probability + x * normal.density;
  });
}
/// out[i] = gelu''(a[i]) = (2 - x^2) p(x).
template <class T>
void gelu_curvature(Index count, const T* a, T* out) {
  map_vectors(count, a, out, [](auto x) { return (T(2) - x * x) * detail::Normal<T, native_lanes<T>>(x).density; });
}

}  // namespace hypertape::inline HYPERTAPE_ABI::kernels
