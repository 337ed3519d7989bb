#pragma once

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "hypertape/core/random.hpp"
#include "hypertape/core/tensor.hpp"

/// Random weights. For a weight (O, F) the fan-in is F and the fan-out O; for (O, C, K, ...) they are C K ... and O K
/// .... A bias has the fan-in of its layer's weight.
namespace hypertape::inline HYPERTAPE_ABI::nn {

/// How weights are drawn.
enum class Initializer {
  xavier_normal,   ///< N(0, gain^2 2 / (fan_in + fan_out)); Glorot and Bengio 2010
  xavier_uniform,  ///< U(-a, a), a = gain sqrt(6 / (fan_in + fan_out))
  he_normal,       ///< N(0, gain^2 2 / fan_in); He et al. 2015
  he_normal_out,   ///< N(0, gain^2 2 / fan_out)
  normal,          ///< N(0, gain^2)
  orthogonal,      ///< gain times orthonormal rows (or columns, if there are fewer); Saxe et al. 2014
  pytorch,  ///< U(-a, a), a = gain / sqrt(fan_in), biases too: with gain 1 the default of nn.Linear and nn.Conv2d
};

namespace detail {

/// `count` random orthonormal vectors, one after another, uniformly distributed: Gaussian vectors, each made orthogonal
/// to the earlier ones (Gram-Schmidt, done twice to remove rounding errors) and normalized.
inline std::vector<double> orthonormal_vectors(Index count, Index length, Random& random) {
  std::vector<double> vectors(static_cast<std::size_t>(count * length));
  for (double& value : vectors) value = random.normal();
  for (Index v = 0; v < count; ++v) {
    double* current = vectors.data() + v * length;
    for (int pass = 0; pass < 2; ++pass) {
      for (Index before = 0; before < v; ++before) {
        const double* other = vectors.data() + before * length;
        const double share = std::inner_product(current, current + length, other, 0.0);
        for (Index i = 0; i < length; ++i) current[i] -= share * other[i];
      }
    }
    const double norm = std::sqrt(std::inner_product(current, current + length, current, 0.0));
    for (Index i = 0; i < length; ++i) current[i] /= norm;
  }
  return vectors;
}

/// Draws from U(-limit, limit).
template <class T>
void fill_uniform(double limit, Index count, T* values, Random& random) {
  for (Index i = 0; i < count; ++i) values[i] = static_cast<T>(random.uniform(-limit, limit));
}

/// The bound of Initializer::pytorch for a layer's weight and bias.
inline double pytorch_limit(double gain, Index fan_in) { return gain / std::sqrt(static_cast<double>(fan_in)); }

}  // namespace detail

/// Fills a row-major weight of this shape with draws from the stream. @throws ShapeError for a rank below 2.
template <class T>
void initialize(Initializer initializer, double gain, const Shape& shape, T* weight, Random& random) {
  if (shape.rank() < 2) throw ShapeError("initialize: needs a weight (O, F, ...), got ", shape);
  const Index O = shape[0], F = shape.features();
  const Index kernel = F / shape[1];
  const auto fan_in = static_cast<double>(F), fan_out = static_cast<double>(O * kernel);
  const auto fill_normal = [&](double deviation) {
    for (Index i = 0; i < shape.size(); ++i) weight[i] = static_cast<T>(deviation * random.normal());
  };
  switch (initializer) {
    case Initializer::xavier_normal:
      return fill_normal(gain * std::sqrt(2 / (fan_in + fan_out)));
    case Initializer::he_normal:
      return fill_normal(gain * std::sqrt(2 / fan_in));
    case Initializer::he_normal_out:
      return fill_normal(gain * std::sqrt(2 / fan_out));
    case Initializer::normal:
      return fill_normal(gain);
    case Initializer::xavier_uniform:
      return detail::fill_uniform(gain * std::sqrt(6 / (fan_in + fan_out)), shape.size(), weight, random);
    case Initializer::pytorch:
      return detail::fill_uniform(detail::pytorch_limit(gain, F), shape.size(), weight, random);
    case Initializer::orthogonal: {
      const Index frame = (std::min)(O, F), length = (std::max)(O, F);
      const std::vector<double> vectors = detail::orthonormal_vectors(frame, length, random);
      for (Index o = 0; o < O; ++o) {
        for (Index i = 0; i < F; ++i) {
          const Index at = O <= F ? o * length + i : i * length + o;
          weight[o * F + i] = static_cast<T>(gain * vectors[static_cast<std::size_t>(at)]);
        }
      }
      return;
    }
  }
  throw ArgumentError("initialize: not an initializer");
}

/// Fills a layer's bias of `count` values, from the stream if the initializer draws biases, else with zeros.
template <class T>
void initialize_bias(Initializer initializer, double gain, Index fan_in, Index count, T* bias, Random& random) {
  if (initializer != Initializer::pytorch) return void(std::fill_n(bias, count, T(0)));
  detail::fill_uniform(detail::pytorch_limit(gain, fan_in), count, bias, random);
}

}  // namespace hypertape::inline HYPERTAPE_ABI::nn
