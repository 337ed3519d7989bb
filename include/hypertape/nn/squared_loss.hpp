#pragma once

#include "hypertape/ops/losses.hpp"

namespace hypertape::inline HYPERTAPE_ABI::nn {

/// Centers labels (N, K) for least squares: subtracts 1/K, so that one-hot labels sum to 0 over the classes.
template <class T>
Var<T> centered_labels(Var<T> labels) {
  return labels - 1 / static_cast<double>(labels.shape()[1]);
}

/// Half the squared distance of outputs (N, K) from centered labels, averaged over the samples: 1/(2 N) sum over n, k
/// of (z - y + 1/K)[n][k]^2. @throws ShapeError if the shapes differ.
template <class T>
Var<T> squared_loss(Var<T> outputs, Var<T> labels) {
  const double half_of_classes = static_cast<double>(labels.shape()[1]) / 2;
  return half_of_classes * mean_squared_error(outputs, centered_labels(labels));
}

/// Squared loss of a network's logits: loss(theta, x, y) for images x (N, ...) and labels y (N, classes).
template <class Network>
struct SquaredLoss {
  const Network* network;  ///< must outlive the loss

  /// Records the loss, a scalar.
  template <class T>
  Var<T> operator()(Var<T> theta, Var<T> x, Var<T> y) const {
    return squared_loss((*network)(theta, x), y);
  }
};
/// Deduces the network's type.
template <class Network>
SquaredLoss(const Network*) -> SquaredLoss<Network>;

}  // namespace hypertape::inline HYPERTAPE_ABI::nn
