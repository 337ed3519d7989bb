#pragma once

#include "hypertape/nn/layers.hpp"
#include "hypertape/ops/activations.hpp"
#include "hypertape/ops/local_response_norm.hpp"
#include "hypertape/ops/pool2d.hpp"

namespace hypertape::inline HYPERTAPE_ABI::nn {

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
  /// For a number of classes. @throws ShapeError for less than one class.
  explicit AlexCifarNet(Index classes = 10)
      : conv1_(parameters_, "conv1", 3, 64, 5, {.padding = 2}, pool),
        conv2_(parameters_, "conv2", 64, 64, 5, {.padding = 2}),
        fc1_(parameters_, "fc1", 4096, 384),
        fc2_(parameters_, "fc2", 384, 192),
        fc3_(parameters_, "fc3", 192, classes) {}

  /// The layout of theta.
  const Parameters& parameters() const { return parameters_; }

  /// Logits (N, classes) of images x (N, 3, 32, 32). @throws ShapeError for other images.
  template <class T>
  Var<T> operator()(Var<T> theta, Var<T> x) const {
    return fc3_(theta, features(theta, x));
  }

  /// The inputs (N, 192) of the last layer. @throws as above.
  template <class T>
  Var<T> features(Var<T> theta, Var<T> x) const {
    const Index N = x.shape()[0];
    hypertape::detail::require_batch("AlexCifarNet", "the images", x.shape());
    if (x.shape() != Shape::batch(N, 3, 32, 32)) {
      throw ShapeError("AlexCifarNet: built for images ", Shape{1, 3, 32, 32}, ", got ", x.shape());
    }
    parameters_.require_theta(theta.shape());
    const auto normalize = [](Var<T> h) {
      return local_response_norm(h, {.size = 4, .alpha = 0.001 / 9, .beta = 0.75, .k = 1});
    };
    Var<T> h = normalize(conv1_(theta, x));
    h = max_pool2d(normalize(relu(conv2_(theta, h))), pool);
    h = reshape(h, {N, 4096});
    h = relu(fc1_(theta, h));
    return relu(fc2_(theta, h));
  }

 private:
  static constexpr Pool2dOptions pool{.size = 3, .stride = 2, .padding = 1};

  Parameters parameters_;
  Conv2dMaxPoolRelu conv1_;
  Conv2d conv2_;
  Linear fc1_, fc2_, fc3_;
};

}  // namespace hypertape::inline HYPERTAPE_ABI::nn
