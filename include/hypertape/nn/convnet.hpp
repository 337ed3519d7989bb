#pragma once

#include "hypertape/nn/parameters.hpp"
#include "hypertape/ops/activations.hpp"
#include "hypertape/ops/conv2d.hpp"
#include "hypertape/ops/instance_norm.hpp"
#include "hypertape/ops/linear.hpp"
#include "hypertape/ops/pool2d.hpp"

namespace hypertape::nn {

using hypertape::detail::concat;

/// The sizes of a ConvNet.
struct ConvNetOptions {
  Index channels = 3;  ///< of an image
  Index size = 32;     ///< rows and columns of an image
  Index classes = 10;  ///< columns of the logits
  Index width = 128;   ///< channels of each block
  Index depth = 3;     ///< blocks
};

/// The ConvNet of the literature on dataset distillation since 2020 (Gidaris and Komodakis 2018; Zhao et al. 2020): for
/// images (N, channels, size, size) `depth` times
///
///     conv 3x3 to `width` channels (padding 1), instance normalization, relu, average pool 2/2
///
/// then linear to the classes. 320,010 weights by default, in PyTorch's order and axis order: of each block the
/// convolution's weight and bias, then gamma and beta of the normalization; gamma starts at 1.
class ConvNet {
 public:
  /// @throws ArgumentError unless there is a block and the image can be halved so often; ShapeError for less than one
  /// channel, class or width.
  explicit ConvNet(const ConvNetOptions& options = {}) : options_(options) {
    if (options.depth < 1 || options.depth > 62 || options.size >> options.depth < 1) {
      throw ArgumentError("ConvNet: images of ", options.size, " x ", options.size, " cannot have ", options.depth,
                          " blocks, each of which halves them");
    }
    Index channels = options.channels, size = options.size;
    for (Index block = 1; block <= options.depth; ++block) {
      const std::string name = concat("block", block);
      parameters_.add(name + ".conv.weight", {options.width, channels, 3, 3});
      parameters_.add(name + ".conv.bias", {options.width});
      parameters_.add(name + ".norm.weight", {options.width}, 1);
      parameters_.add(name + ".norm.bias", {options.width});
      channels = options.width;
      size /= 2;
    }
    parameters_.add("linear.weight", {options.classes, channels * size * size});
    parameters_.add("linear.bias", {options.classes});
  }

  /// The layout of theta.
  const Parameters& parameters() const { return parameters_; }
  /// The sizes.
  const ConvNetOptions& options() const { return options_; }

  /// Logits (N, classes) of images x (N, channels, size, size). @throws ShapeError for other images.
  template <class T>
  Var<T> operator()(Var<T> theta, Var<T> x) const {
    const Shape image = {1, options_.channels, options_.size, options_.size};
    if (x.shape().rank() != 4 || x.shape().with_samples(1) != image) {
      throw ShapeError("ConvNet: built for images ", image, ", got ", x.shape());
    }
    const auto p = [&](Index i) { return parameters_.get(theta, static_cast<std::size_t>(i)); };
    Var<T> h = x;
    for (Index i = 0; i < 4 * options_.depth; i += 4) {
      h = instance_norm(conv2d(h, p(i), p(i + 1), {.padding = 1}), p(i + 2), p(i + 3));
      h = average_pool2d(relu(h));
    }
    h = reshape(h, {h.shape()[0], h.shape().features()});
    return linear(h, p(4 * options_.depth), p(4 * options_.depth + 1));
  }

 private:
  ConvNetOptions options_;
  Parameters parameters_;
};

}  // namespace hypertape::nn
