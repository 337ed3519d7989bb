#pragma once

#include "hypertape/nn/parameters.hpp"
#include "hypertape/ops/activations.hpp"
#include "hypertape/ops/conv2d.hpp"
#include "hypertape/ops/linear.hpp"
#include "hypertape/ops/local_response_norm.hpp"
#include "hypertape/ops/pool2d.hpp"

namespace hypertape::nn {

/// AlexCifarNet, the paper's network for CIFAR-10 (after Krizhevsky et al. 2012): for images (N, 3, 32, 32)
///
///     conv 5x5 3 -> 64 (padding 2), pool 3/2 (padding 1), relu, normalize,
///     conv 5x5 64 -> 64 (padding 2), relu, normalize, pool 3/2 (padding 1),
///     linear 4096 -> 384, relu, linear 384 -> 192, relu, linear 192 -> classes
///
/// where `normalize` is local response normalization over 4 channels. 1,756,426 weights for 10 classes, in PyTorch's
/// order and axis order. The first pooling comes before relu, as in LeNet: the same values and gradients for less work.
class AlexCifarNet {
 public:
  /// @throws ShapeError for less than one class.
  explicit AlexCifarNet(Index classes = 10) {
    parameters_.add("conv1.weight", {64, 3, 5, 5});
    parameters_.add("conv1.bias", {64});
    parameters_.add("conv2.weight", {64, 64, 5, 5});
    parameters_.add("conv2.bias", {64});
    parameters_.add("fc1.weight", {384, 4096});
    parameters_.add("fc1.bias", {384});
    parameters_.add("fc2.weight", {192, 384});
    parameters_.add("fc2.bias", {192});
    parameters_.add("fc3.weight", {classes, 192});
    parameters_.add("fc3.bias", {classes});
  }

  /// The layout of theta.
  const Parameters& parameters() const { return parameters_; }

  /// Logits (N, classes) of images x (N, 3, 32, 32). @throws ShapeError for other images.
  template <class T>
  Var<T> operator()(Var<T> theta, Var<T> x) const {
    const Index N = x.shape()[0];
    if (x.shape() != Shape{N, 3, 32, 32}) {
      throw ShapeError("AlexCifarNet: built for images ", Shape{1, 3, 32, 32}, ", got ", x.shape());
    }
    const auto p = [&](std::size_t i) { return parameters_.get(theta, i); };
    const auto pool = [](Var<T> h) { return max_pool2d(h, {.size = 3, .stride = 2, .padding = 1}); };
    const auto normalize = [](Var<T> h) {
      return local_response_norm(h, {.size = 4, .alpha = 0.001 / 9, .beta = 0.75, .k = 1});
    };
    Var<T> h = normalize(relu(pool(conv2d(x, p(0), p(1), {.padding = 2}))));
    h = pool(normalize(relu(conv2d(h, p(2), p(3), {.padding = 2}))));
    h = reshape(h, {N, 4096});
    h = relu(linear(h, p(4), p(5)));
    h = relu(linear(h, p(6), p(7)));
    return linear(h, p(8), p(9));
  }

 private:
  Parameters parameters_;
};

}  // namespace hypertape::nn
