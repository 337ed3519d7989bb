#pragma once

#include <string>
#include <vector>

#include "hypertape/nn/activation.hpp"
#include "hypertape/nn/layers.hpp"

namespace hypertape::inline HYPERTAPE_ABI::nn {

/// Fully connected layers of widths {F, hidden ..., O} with an activation between them; two widths make a linear model.
class Mlp {
 public:
  /// From its widths. @throws ShapeError for fewer than two widths.
  explicit Mlp(const std::vector<Index>& widths, Activation activation = Activation::relu) : activation_(activation) {
    if (widths.size() < 2) throw ShapeError("Mlp: needs at least an input and an output width");
    for (std::size_t layer = 1; layer < widths.size(); ++layer) {
      layers_.emplace_back(parameters_, "fc" + std::to_string(layer), widths[layer - 1], widths[layer]);
    }
  }

  /// The layout of theta.
  const Parameters& parameters() const { return parameters_; }

  /// Outputs (N, O) of a batch x (N, ...) with F features in all. @throws ShapeError if x does not have F features.
  template <class T>
  Var<T> operator()(Var<T> theta, Var<T> x) const {
    return layers_.back()(theta, features(theta, x));
  }

  /// The inputs of the last layer: (N, units of the last hidden layer), or for a linear model the batch itself (N, F).
  /// @throws as above.
  template <class T>
  Var<T> features(Var<T> theta, Var<T> x) const {
    parameters_.require_theta(theta.shape());
    Var<T> h = reshape(x, {x.shape()[0], x.shape().features()});
    for (std::size_t layer = 0; layer + 1 < layers_.size(); ++layer) {
      h = activate(activation_, layers_[layer](theta, h));
    }
    return h;
  }

 private:
  Activation activation_;
  Parameters parameters_;
  std::vector<Linear> layers_;
};

}  // namespace hypertape::inline HYPERTAPE_ABI::nn
