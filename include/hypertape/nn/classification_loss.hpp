#pragma once

#include <memory>

#include "hypertape/autodiff/loss_derivatives.hpp"
#include "hypertape/ops/losses.hpp"

namespace hypertape::nn {

/// Softmax cross-entropy of a network's logits: loss(theta, x, y) for images x (N, ...) and labels y (N, classes).
template <class Network>
struct ClassificationLoss {
  const Network* network;  ///< must outlive the loss

  /// Records the loss, a scalar.
  template <class T>
  Var<T> operator()(Var<T> theta, Var<T> x, Var<T> y) const {
    return softmax_cross_entropy((*network)(theta, x), y);
  }

  /// The network's own derivatives of this loss, which hypergradients take in place of a tape's; null if it has none.
  template <class T>
  std::unique_ptr<hypertape::detail::LossDerivatives<T>> derivatives() const {
    if constexpr (requires { network->template cross_entropy_derivatives<T>(); }) {
      return network->template cross_entropy_derivatives<T>();
    }
    return nullptr;
  }
};

}  // namespace hypertape::nn
