#pragma once

#include <algorithm>
#include <cmath>

#include "hypertape/core/shape.hpp"

namespace hypertape::kernels {

/// output (N, K) = logits (N, K) minus the logarithm of each sample's sum of exponentials, by way of the largest logit
/// so that nothing overflows. `scratch`: 2 N values.
template <class T>
void log_softmax(Index N, Index K, const T* logits, T* output, T* scratch) {
  T* largest = scratch;
  T* total = scratch + N;
  std::copy_n(logits, N, largest);
  for (Index k = 1; k < K; ++k) {
    for (Index n = 0; n < N; ++n) largest[n] = std::max(largest[n], logits[k * N + n]);
  }
  std::fill_n(total, N, T(0));
  for (Index k = 0; k < K; ++k) {
    for (Index n = 0; n < N; ++n) total[n] += std::exp(logits[k * N + n] - largest[n]);
  }
  for (Index n = 0; n < N; ++n) total[n] = std::log(total[n]);
  // Two subtractions: beside a large logit, the sum of the two would lose the logarithm.
  for (Index k = 0; k < K; ++k) {
    for (Index n = 0; n < N; ++n) output[k * N + n] = logits[k * N + n] - largest[n] - total[n];
  }
}

}  // namespace hypertape::kernels
