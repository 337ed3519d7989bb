#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <numbers>
#include <utility>
#include <vector>

#include "hypertape/core/error.hpp"
#include "hypertape/core/shape.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

/// A seeded stream of random numbers, the same on every compiler and machine with IEEE arithmetic: integers come from
/// xoshiro256++ (Blackman and Vigna), and everything built on them uses only operations that IEEE defines to the bit
/// (no libm functions, and std::fma wherever a compiler might contract a product and a sum).
///
/// `Random(seed, {purpose, iteration})` is a separate stream for each key, so a run can resume at any iteration without
/// replaying the earlier ones.
class Random {
 public:
  /// The stream of this seed and these keys.
  explicit Random(std::uint64_t seed, std::initializer_list<std::uint64_t> keys = {}) {
    std::uint64_t hash = mix(seed);
    for (const std::uint64_t key : keys) hash = mix(hash ^ key);
    for (std::uint64_t& word : state_) word = hash = mix(hash);
  }

  /// 64 random bits.
  std::uint64_t bits() {
    const std::uint64_t result = rotate(state_[0] + state_[3], 23) + state_[0];
    const std::uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = rotate(state_[3], 45);
    return result;
  }

  /// Uniform in [0, 1), a multiple of 2^-53.
  double uniform() { return static_cast<double>(bits() >> 11) * 0x1.0p-53; }

  /// Uniform in [low, high); rounding may give high itself.
  double uniform(double low, double high) { return std::fma(high - low, uniform(), low); }

  /// Uniform in 0 .. count - 1, without the bias of a plain remainder. @throws ArgumentError if count < 1.
  Index below(Index count) {
    if (count < 1) throw ArgumentError("Random::below: needs a positive count, got ", count);
    const auto range = static_cast<std::uint64_t>(count);
    const std::uint64_t smallest = (0 - range) % range;  // 2^64 mod range: draws below it would favor small results
    std::uint64_t draw = bits();
    while (draw < smallest) draw = bits();
    return static_cast<Index>(draw % range);
  }

  /// Standard normal, by Marsaglia's polar method.
  double normal() {
    for (;;) {
      const double u = uniform(-1, 1);
      const double v = uniform(-1, 1);
      const double radius = std::fma(u, u, v * v);
      if (radius > 0 && radius < 1) return u * std::sqrt(-2 * log(radius) / radius);
    }
  }

  /// 0 .. count - 1 in random order (Fisher-Yates).
  std::vector<Index> permutation(Index count) {
    std::vector<Index> order(static_cast<std::size_t>(count));
    for (Index i = 0; i < count; ++i) order[static_cast<std::size_t>(i)] = i;
    for (Index i = count - 1; i > 0; --i) {
      std::swap(order[static_cast<std::size_t>(i)], order[static_cast<std::size_t>(below(i + 1))]);
    }
    return order;
  }

 private:
  /// The output function of SplitMix64.
  static std::uint64_t mix(std::uint64_t z) {
    z += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }

  static std::uint64_t rotate(std::uint64_t word, int by) { return (word << by) | (word >> (64 - by)); }

  /// Natural logarithm to about 1e-15: x = m 2^e with m in [sqrt(1/2), sqrt(2)), log m = 2 artanh((m - 1) / (m + 1)).
  static double log(double x) {
    int exponent = 0;
    double mantissa = std::frexp(x, &exponent);
    if (mantissa < std::numbers::sqrt2 / 2) {
      mantissa *= 2;
      --exponent;
    }
    const double t = (mantissa - 1) / (mantissa + 1);
    const double square = t * t;
    double series = 0;
    for (int power = 21; power >= 1; power -= 2) series = std::fma(series, square, 1.0 / power);
    return std::fma(exponent, std::numbers::ln2, 2 * t * series);
  }

  std::array<std::uint64_t, 4> state_{};
};

}  // namespace hypertape::inline HYPERTAPE_ABI
