#pragma once

#include "hypertape/ops/activations.hpp"

namespace hypertape::inline HYPERTAPE_ABI::nn {

/// The activation function between the layers of a network.
enum class Activation { relu, tanh, sigmoid, softplus };

/// Applies the activation elementwise. @throws ArgumentError for a value that is not an enumerator.
template <class T>
Var<T> activate(Activation activation, Var<T> x) {
  switch (activation) {
    case Activation::relu:
      return relu(x);
    case Activation::tanh:
      return tanh(x);
    case Activation::sigmoid:
      return sigmoid(x);
    case Activation::softplus:
      return softplus(x);
  }
  throw ArgumentError("activate: not an activation");
}

}  // namespace hypertape::inline HYPERTAPE_ABI::nn
