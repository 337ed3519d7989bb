#pragma once

#include "hypertape/ops/activations.hpp"

namespace hypertape::inline HYPERTAPE_ABI::nn {

/// What lies between the layers of a network.
enum class Activation { relu, tanh, sigmoid, softplus };

/// The function of this name, elementwise. @throws ArgumentError for a number that is none of them.
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
