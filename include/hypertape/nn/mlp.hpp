#pragma once

#include <string>
#include <utility>
#include <vector>

#include "hypertape/nn/parameters.hpp"
#include "hypertape/ops/activations.hpp"
#include "hypertape/ops/linear.hpp"

namespace hypertape::nn {

/// What lies between the layers of an Mlp.
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

/// Fully connected layers with an activation between them: widths {F, hidden ..., O}. With two widths, a linear model.
class Mlp {
 public:
  /// @throws ShapeError for fewer than two widths.
  explicit Mlp(std::vector<Index> widths, Activation activation = Activation::relu)
      : widths_(std::move(widths)), activation_(activation) {
    if (widths_.size() < 2) throw ShapeError("Mlp: needs at least an input and an output width");
    for (std::size_t layer = 1; layer < widths_.size(); ++layer) {
      const std::string name = "fc" + std::to_string(layer);
      parameters_.add(name + ".weight", {widths_[layer], widths_[layer - 1]});
      parameters_.add(name + ".bias", {widths_[layer]});
    }
  }

  /// The layout of theta.
  const Parameters& parameters() const { return parameters_; }

  /// Outputs (N, O) of a batch x (N, ...) with F features in all. @throws ShapeError if x has not F features.
  template <class T>
  Var<T> operator()(Var<T> theta, Var<T> x) const {
    Var<T> h = reshape(x, {x.shape()[0], x.shape().features()});
    for (std::size_t layer = 0; layer + 1 < widths_.size(); ++layer) {
      if (layer > 0) h = activate(activation_, h);
      h = linear(h, parameters_.get(theta, 2 * layer), parameters_.get(theta, 2 * layer + 1));
    }
    return h;
  }

 private:
  std::vector<Index> widths_;
  Activation activation_;
  Parameters parameters_;
};

}  // namespace hypertape::nn
