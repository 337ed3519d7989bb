#pragma once

#include "hypertape/nn/layers.hpp"
#include "hypertape/ops/activations.hpp"
#include "hypertape/ops/relayout.hpp"

namespace hypertape::inline HYPERTAPE_ABI::nn {

/// LeNet-5 as the paper uses it (LeCun et al. 1998, with relu and max-pooling): for images (N, C, 28 or 32, same)
///
///     conv 5x5 C -> 6 (padding 2 for 28x28), pool 2, relu, conv 5x5 6 -> 16, pool 2, relu,
///     linear 400 -> 120, relu, linear 120 -> 84, relu, linear 84 -> classes
///
/// It has 61,706 weights for gray images and 10 classes, in PyTorch's order and axis order. Pooling before relu gives
/// the same values and gradients as after it (the maximum commutes with max(., 0)) for a quarter of the work.
class LeNet {
 public:
  /// From its sizes. @throws ShapeError for another image size or less than one channel or class.
  explicit LeNet(Index channels = 1, Index size = 28, Index classes = 10)
      : image_(Shape::batch(1, channels, size, size)),
        conv1_(parameters_, "conv1", channels, 6, 5, {.padding = size == 28 ? 2 : 0}),
        conv2_(parameters_, "conv2", 6, 16, 5),
        fc1_(parameters_, "fc1", 400, 120),
        fc2_(parameters_, "fc2", 120, 84),
        fc3_(parameters_, "fc3", 84, classes) {
    if (size != 28 && size != 32) throw ShapeError("LeNet: images must be 28x28 or 32x32, got ", size);
  }

  /// The layout of theta.
  const Parameters& parameters() const { return parameters_; }

  /// Logits (N, classes) of images x (N, C, H, W). @throws ShapeError unless x has the network's image size.
  template <class T>
  Var<T> operator()(Var<T> theta, Var<T> x) const {
    return relayout(fc3_(theta, features(theta, x)), Layout::samples_innermost);
  }

  /// The inputs (N, 84) of the last layer, row-major. @throws as above.
  template <class T>
  Var<T> features(Var<T> theta, Var<T> x) const {
    hypertape::detail::require_batch("LeNet", "the images", x.shape());
    if (x.shape() != image_.with_samples(x.shape()[0])) {
      throw ShapeError("LeNet: built for images ", image_, ", got ", x.shape());
    }
    parameters_.require_theta(theta.shape());
    Var<T> h = relayout(x, Layout::channels_innermost);
    h = conv2_(theta, conv1_(theta, h));
    h = reshape(relayout(h, Layout::row_major), {h.shape()[0], 400});
    h = relu(fc1_(theta, h));
    return relu(fc2_(theta, h));
  }

 private:
  Shape image_;
  Parameters parameters_;
  Conv2dMaxPoolRelu conv1_, conv2_;
  Linear fc1_, fc2_, fc3_;
};

}  // namespace hypertape::inline HYPERTAPE_ABI::nn
