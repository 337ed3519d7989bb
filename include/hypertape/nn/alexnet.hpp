#pragma once

#include "hypertape/nn/layers.hpp"
#include "hypertape/ops/activations.hpp"
#include "hypertape/ops/relayout.hpp"

namespace hypertape::inline HYPERTAPE_ABI::nn {

/// The sizes of an AlexNet.
struct AlexNetOptions {
  Index classes = 1000;  ///< columns of the logits
  Index size = 224;      ///< rows and columns of an image, 63 or more
  Index width = 64;      ///< channels of the first convolution; other channels and hidden units scale with it
};

/// AlexNet (Krizhevsky et al. 2012) as in torchvision (Krizhevsky 2014), for images (N, 3, size, size), with w =
/// `width` (64 by default):
///
///     conv 11x11 3 -> w (stride 4, padding 2), relu, max pool 3/2, conv 5x5 w -> 3 w (padding 2), relu, max pool 3/2,
///     conv 3x3 3 w -> 6 w (padding 1), relu, conv 3x3 6 w -> 4 w (padding 1), relu,
///     conv 3x3 4 w -> 4 w (padding 1), relu, max pool 3/2,
///     linear F -> 64 w, relu, linear 64 w -> 64 w, relu, linear 64 w -> classes
///
/// where F = 9,216 for images of 224 x 224: 4 w channels of 6 x 6. It has 61,100,840 weights by default, with
/// torchvision's names, order and axis order ("features.0.weight" ... "classifier.6.bias"). It differs from
/// torchvision's module in two ways. It has no dropout, which is the identity in evaluation mode: a loss must be a
/// function of the weights and images alone. And it has no adaptive pooling to 6 x 6, which is the identity for sizes
/// from 223 to 254; for other sizes F follows from the size. Pooling comes before relu, as in LeNet: the same values
/// and gradients for less work.
class AlexNet {
 public:
  /// From its sizes. @throws ShapeError for images that are too small, or less than one class or width.
  explicit AlexNet(const AlexNetOptions& options = {})
      : options_(options),
        conv1_(parameters_, "features.0", 3, options.width, 11, {.stride = 4, .padding = 2}, pool),
        conv2_(parameters_, "features.3", options.width, 3 * options.width, 5, {.padding = 2}, pool),
        conv3_(parameters_, "features.6", 3 * options.width, 6 * options.width, 3, {.padding = 1}),
        conv4_(parameters_, "features.8", 6 * options.width, 4 * options.width, 3, {.padding = 1}),
        conv5_(parameters_, "features.10", 4 * options.width, 4 * options.width, 3, {.padding = 1}, pool),
        fc1_(parameters_, "classifier.1", pooled_values(options), 64 * options.width),
        fc2_(parameters_, "classifier.4", 64 * options.width, 64 * options.width),
        fc3_(parameters_, "classifier.6", 64 * options.width, options.classes) {}

  /// The layout of theta.
  const Parameters& parameters() const { return parameters_; }
  /// The sizes.
  const AlexNetOptions& options() const { return options_; }

  /// Logits (N, classes) of images x (N, 3, size, size). @throws ShapeError for other images.
  template <class T>
  Var<T> operator()(Var<T> theta, Var<T> x) const {
    return fc3_(theta, features(theta, x));
  }

  /// The inputs (N, F) of the last layer. @throws as above.
  template <class T>
  Var<T> features(Var<T> theta, Var<T> x) const {
    const Shape image = Shape::batch(1, 3, options_.size, options_.size);
    hypertape::detail::require_batch("AlexNet", "the images", x.shape());
    if (x.shape().rank() != 4 || x.shape().with_samples(1) != image) {
      throw ShapeError("AlexNet: built for images ", image, ", got ", x.shape());
    }
    parameters_.require_theta(theta.shape());
    Var<T> h = conv2_(theta, conv1_(theta, relayout(x, Layout::channels_innermost)));
    h = relayout(h, Layout::samples_innermost);
    h = relu(conv3_(theta, h));
    h = conv5_(theta, relu(conv4_(theta, h)));
    h = reshape(h, {h.shape()[0], h.shape().features()});
    h = relu(fc1_(theta, h));
    return relu(fc2_(theta, h));
  }

 private:
  static constexpr Pool2dOptions pool{.size = 3, .stride = 2};

  /// The number of values that the last pooling leaves of an image.
  static Index pooled_values(const AlexNetOptions& options) {
    constexpr Index smallest = 63, largest = 1 << 20;
    if (options.size < smallest || options.size > largest) {
      throw ShapeError("AlexNet: images must have ", smallest, " x ", smallest, " pixels or more, and ", largest,
                       " along a side at most, got ", options.size);
    }
    const auto pooled = [](Index side) { return (side - 3) / 2 + 1; };
    const Index side = pooled(pooled(pooled((options.size + 2 * 2 - 11) / 4 + 1)));
    return 4 * options.width * side * side;
  }

  AlexNetOptions options_;
  Parameters parameters_;
  Conv2dMaxPoolRelu conv1_, conv2_;
  Conv2d conv3_, conv4_;
  Conv2dMaxPoolRelu conv5_;
  Linear fc1_, fc2_, fc3_;
};

}  // namespace hypertape::inline HYPERTAPE_ABI::nn
