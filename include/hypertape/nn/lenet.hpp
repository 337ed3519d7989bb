#pragma once

#include <memory>

#include "hypertape/nn/fused_lenet.hpp"
#include "hypertape/nn/parameters.hpp"
#include "hypertape/ops/activations.hpp"
#include "hypertape/ops/conv2d.hpp"
#include "hypertape/ops/linear.hpp"
#include "hypertape/ops/pool2d.hpp"

namespace hypertape::nn {

/// LeNet-5 as the paper uses it (LeCun et al. 1998, with relu and max-pooling): for images (N, C, 28 or 32, same)
///
///     conv 5x5 C -> 6 (padding 2 for 28x28), pool 2, relu, conv 5x5 6 -> 16, pool 2, relu,
///     linear 400 -> 120, relu, linear 120 -> 84, relu, linear 84 -> classes
///
/// 61,706 weights for gray images and 10 classes, in PyTorch's order and axis order. Pooling before relu gives the
/// same values and gradients as after it (the maximum commutes with max(., 0)) for a quarter of the work.
class LeNet {
 public:
  /// @throws ShapeError for another image size or less than one channel or class.
  explicit LeNet(Index channels = 1, Index size = 28, Index classes = 10)
      : image_({1, channels, size, size}), padding_(size == 28 ? 2 : 0) {
    if (size != 28 && size != 32) throw ShapeError("LeNet: images must be 28x28 or 32x32, got ", size);
    parameters_.add("conv1.weight", {6, channels, 5, 5});
    parameters_.add("conv1.bias", {6});
    parameters_.add("conv2.weight", {16, 6, 5, 5});
    parameters_.add("conv2.bias", {16});
    parameters_.add("fc1.weight", {120, 400});
    parameters_.add("fc1.bias", {120});
    parameters_.add("fc2.weight", {84, 120});
    parameters_.add("fc2.bias", {84});
    parameters_.add("fc3.weight", {classes, 84});
    parameters_.add("fc3.bias", {classes});
  }

  /// The layout of theta.
  const Parameters& parameters() const { return parameters_; }

  /// Logits (N, classes) of images x (N, C, H, W). @throws ShapeError unless x is of the network's image size.
  template <class T>
  Var<T> operator()(Var<T> theta, Var<T> x) const {
    if (x.shape() != image_.with_samples(x.shape()[0])) {
      throw ShapeError("LeNet: built for images ", image_, ", got ", x.shape());
    }
    const auto p = [&](std::size_t i) { return parameters_.get(theta, i); };
    Var<T> h = relu(max_pool2d(conv2d(x, p(0), p(1), {.padding = padding_})));
    h = relu(max_pool2d(conv2d(h, p(2), p(3))));
    h = reshape(h, {h.shape()[0], 400});
    h = relu(linear(h, p(4), p(5)));
    h = relu(linear(h, p(6), p(7)));
    return linear(h, p(8), p(9));
  }

  /// The derivatives of this network with softmax cross-entropy in one pass, without a tape: for images of 1 or 3
  /// channels, else null.
  template <class T>
  std::unique_ptr<LossDerivatives<T>> cross_entropy_derivatives() const {
    const Index size = image_[2], classes = parameters_.entries().back().shape[0];
    if (image_[1] == 1) return std::make_unique<FusedLeNet<T, 1>>(size, classes, parameters_.size());
    if (image_[1] == 3) return std::make_unique<FusedLeNet<T, 3>>(size, classes, parameters_.size());
    return nullptr;
  }

 private:
  Shape image_;
  Index padding_;
  Parameters parameters_;
};

}  // namespace hypertape::nn
