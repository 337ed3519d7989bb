#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "hypertape/kernels/elementwise.hpp"
#include "hypertape/kernels/simd.hpp"

/// The exponential function on whole vectors.
namespace hypertape::inline HYPERTAPE_ABI::kernels {

namespace detail {

/// The constants that `exp` needs for a type.
template <class T>
struct ExpConstants {
  static constexpr bool single = sizeof(T) == 4;
  using Integer = std::conditional_t<single, std::int32_t, std::int64_t>;

  static constexpr int fraction_bits = std::numeric_limits<T>::digits - 1;
  static constexpr Integer exponent_bias = std::numeric_limits<T>::max_exponent - 1;

  /// Beyond these, the result is infinity and 0, respectively.
  static constexpr T overflow = single ? T(89) : T(710), underflow = single ? T(-104) : T(-746);

  /// 1.5 * 2^fraction_bits. Adding it rounds a number of moderate size to an integer, which is then the difference
  /// between the bits of the sum and those of `rounder`.
  static constexpr T rounder = T(3) * static_cast<T>(Integer{1} << (fraction_bits - 1));

  /// log 2 as a sum of two; the product of the first with an integer exponent is exact.
  static constexpr T log2_high = single ? T(0.693359375) : T(0.693147180369123816490);
  static constexpr T log2_low = single ? T(-2.12194440054690583e-4) : T(1.90821492927058770002e-10);

  /// Coefficients 1 / k!. On -log(2)/2 .. log(2)/2 the rest of the series is below the rounding error.
  static constexpr int degree = single ? 7 : 13;
  static constexpr std::array<T, std::size_t{degree} + 1> coefficients = [] {
    std::array<T, std::size_t{degree} + 1> values{};
    double factorial = 1;
    for (int k = 0; k <= degree; ++k) {
      factorial *= k > 0 ? k : 1;
      values[static_cast<std::size_t>(k)] = static_cast<T>(1 / factorial);
    }
    return values;
  }();
};

/// Splits exp(x) in each lane into 2^n exp(r), with x = n log 2 + r and n an integer.
template <class T, int Lanes>
struct ExpParts {
  using V = Simd<T, Lanes>;

  typename V::Vector rest;                ///< r, in -log(2)/2 .. log(2)/2
  typename V::Vector power, other_power;  ///< their product is 2^n, which may not be a normal number itself

  HYPERTAPE_ALWAYS_INLINE explicit ExpParts(typename V::Vector x) {
    using C = ExpConstants<T>;
    using Integers = typename Simd<typename C::Integer, Lanes>::Vector;
    constexpr auto integers = [](auto value) {
      return Simd<typename C::Integer, Lanes>::broadcast(static_cast<typename C::Integer>(value));
    };
    x = x > V::broadcast(C::overflow) ? V::broadcast(C::overflow) : x;
    x = x < V::broadcast(C::underflow) ? V::broadcast(C::underflow) : x;
    auto shifted = V::broadcast(C::rounder);
    V::add_product(shifted, x, V::broadcast(T(1.44269504088896340736)));
    const auto whole = shifted - C::rounder;
    rest = x;
    V::add_product(rest, whole, V::broadcast(-C::log2_high));
    V::add_product(rest, whole, V::broadcast(-C::log2_low));
    const Integers n = std::bit_cast<Integers>(shifted) - integers(std::bit_cast<typename C::Integer>(C::rounder));
    const Integers half = n >> integers(1);
    const auto power_of = [&](Integers exponent) HYPERTAPE_ALWAYS_INLINE_LAMBDA {
      return std::bit_cast<typename V::Vector>((exponent + integers(C::exponent_bias)) << integers(C::fraction_bits));
    };
    power = power_of(half);
    other_power = power_of(n - half);
  }

  /// (exp(r) - 1) / r
  HYPERTAPE_ALWAYS_INLINE typename V::Vector series() const {
    using C = ExpConstants<T>;
    auto sum = V::broadcast(C::coefficients[C::degree]);
    for (int k = C::degree - 1; k >= 1; --k) {
      auto next = V::broadcast(C::coefficients[static_cast<std::size_t>(k)]);
      V::add_product(next, sum, rest);
      sum = next;
    }
    return sum;
  }
  HYPERTAPE_ALWAYS_INLINE typename V::Vector exp() const {
    auto sum = V::broadcast(T(1));
    V::add_product(sum, series(), rest);
    return sum * power * other_power;
  }
};

}  // namespace detail

/// exp(x) in each lane, within 2 units in the last place, including subnormal and infinite results. NaN gives NaN.
template <class T, int Lanes>
HYPERTAPE_ALWAYS_INLINE typename Simd<T, Lanes>::Vector exp(typename Simd<T, Lanes>::Vector x) {
  return detail::ExpParts<T, Lanes>(x).exp();
}
/// exp(x + low), where `low` is small compared with x and holds digits that x cannot.
template <class T, int Lanes>
HYPERTAPE_ALWAYS_INLINE typename Simd<T, Lanes>::Vector exp(typename Simd<T, Lanes>::Vector x,
                                                            typename Simd<T, Lanes>::Vector low) {
  detail::ExpParts<T, Lanes> parts(x);
  parts.rest += low;
  return parts.exp();
}

/// exp(x) - 1 in each lane, within 3 units in the last place.
template <class T, int Lanes>
HYPERTAPE_ALWAYS_INLINE typename Simd<T, Lanes>::Vector expm1(typename Simd<T, Lanes>::Vector x) {
  using V = Simd<T, Lanes>;
  const detail::ExpParts<T, Lanes> parts(x);
  const auto power = parts.power * parts.other_power;
  auto y = power - T(1);
  V::add_product(y, parts.series() * parts.rest, power);
  y = x > V::broadcast(T(40)) ? parts.exp() : y;  // beyond this, -1 is below the rounding error, and 2^n may overflow
  return x == V::broadcast(T(0)) ? x : y;         // a zero keeps its sign
}

/// out[i] = exp(a[i]); out and a may be the same array.
template <class T>
void exp(Index count, const T* a, T* out) {
  map_vectors(count, a, out, [](auto x) { return exp<T, native_lanes<T>>(x); });
}
/// out[i] = exp(a[i]) - 1, accurate where a[i] is small.
template <class T>
void expm1(Index count, const T* a, T* out) {
  map_vectors(count, a, out, [](auto x) { return expm1<T, native_lanes<T>>(x); });
}

}  // namespace hypertape::inline HYPERTAPE_ABI::kernels
