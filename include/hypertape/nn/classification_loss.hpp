#pragma once

#include "hypertape/ops/losses.hpp"

namespace hypertape::inline HYPERTAPE_ABI::nn {

/// Softmax cross-entropy of a network's logits: loss(theta, x, y) for images x (N, ...) and labels y (N, classes).
template <class Network>
struct ClassificationLoss {
  const Network* network;  ///< must outlive the loss

  /// Records the loss, a scalar.
  template <class T>
  Var<T> operator()(Var<T> theta, Var<T> x, Var<T> y) const {
    return softmax_cross_entropy((*network)(theta, x), y);
  }
};
/// Deduces the network's type.
template <class Network>
ClassificationLoss(const Network*) -> ClassificationLoss<Network>;

}  // namespace hypertape::inline HYPERTAPE_ABI::nn
