#pragma once

#include <algorithm>
#include <cmath>

#include "hypertape/core/shape.hpp"
#include "hypertape/kernels/exp.hpp"
#include "hypertape/kernels/reduce_kernels.hpp"

namespace hypertape::inline HYPERTAPE_ABI::kernels {

/// a b, or 0 for 0 times infinity: the limit of p log p where p is the probability of a logit of -inf.
template <class T>
T product_or_zero(T a, T b) {
  const T product = a * b;
  return std::isnan(product) && !std::isnan(a) && !std::isnan(b) ? T(0) : product;
}

/// weight * l for the log-probability l = z - largest - log(total) of a logit z. It is 0 if weight is 0 and l is -inf.
/// Where l overflows although z is finite, each term is multiplied on its own, as the difference of the products may be
/// finite.
template <class T>
T weighted_log_probability(T weight, T l, T z, T largest) {
  const bool overflow = std::isinf(l) && std::isfinite(z) && std::isinf(z - largest);
  return overflow ? weight * z - weight * largest : product_or_zero(weight, l);
}

/// output (N, K) = logits (N, K) minus the logarithm of each sample's sum of exponentials. It subtracts the largest
/// logit first, so that nothing overflows. `scratch` holds 2 N values.
template <class T>
void log_softmax(Index N, Index K, const T* logits, T* output, T* scratch) {
  T* largest = scratch;
  T* total = scratch + N;
  with_lanes_for<T>(N, [&]<int Lanes>() {
    using V = Simd<T, Lanes>;
    for (Index n = 0; n < N; n += Lanes) {
      const Index at = (std::min)(n, N - Lanes);
      auto most = V::load(logits + at);
      for (Index k = 1; k < K; ++k) {
        const auto z = V::load(logits + k * N + at);
        most = most < z ? z : most;
      }
      typename V::Vector sum{};
      for (Index k = 0; k < K; ++k) sum += exp<T, Lanes>(V::load(logits + k * N + at) - most);
      V::store(largest + at, most);
      V::store(total + at, sum);
    }
  });
  for (Index n = 0; n < N; ++n) total[n] = std::log(total[n]);
  // Subtract twice: next to a large logit, the sum of the two would lose the logarithm.
  for (Index k = 0; k < K; ++k) {
    for (Index n = 0; n < N; ++n) output[k * N + n] = logits[k * N + n] - largest[n] - total[n];
  }
}

/// output (K) = log_softmax of one row of K contiguous logits. `scratch` holds K values.
template <class T>
void log_softmax_of_row(Index K, const T* logits, T* output, T* scratch) {
  T largest = logits[0];
  for (Index k = 1; k < K; ++k) largest = largest < logits[k] ? logits[k] : largest;
  for (Index k = 0; k < K; ++k) scratch[k] = logits[k] - largest;
  exp(K, scratch, scratch);
  const T total = std::log(sum(K, scratch));
  for (Index k = 0; k < K; ++k) output[k] = logits[k] - largest - total;
}

/// weight * l for element i of the log-probabilities l (N, K) of logits (N, K), as in `weighted_log_probability`.
template <class T>
T weighted_log_probability_at(Index N, Index K, const T* logits, Index i, T weight, T l) {
  T largest = logits[i];
  for (Index k = 0; std::isinf(l) && k < K; ++k) largest = (std::max)(largest, logits[k * N + i % N]);
  return weighted_log_probability(weight, l, logits[i], largest);
}

/// -1/N times the sum of weights (N, K) times the log-probabilities l (N, K) of logits (N, K).
template <class T>
T cross_entropy(Index N, Index K, const T* logits, const T* weights, const T* l) {
  const auto samples = -static_cast<T>(N);
  const T quick = dot(N * K, weights, l) / samples;
  if (std::isfinite(quick)) return quick;
  T careful = 0;
  for (Index i = 0; i < N * K; ++i) {
    careful += weighted_log_probability_at(N, K, logits, i, weights[i] / samples, l[i]);
  }
  return careful;
}

}  // namespace hypertape::inline HYPERTAPE_ABI::kernels
