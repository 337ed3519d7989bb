#pragma once

#include <optional>
#include <string>
#include <vector>

#include "hypertape/nn/layers.hpp"
#include "hypertape/ops/activations.hpp"
#include "hypertape/ops/pool2d.hpp"

namespace hypertape::inline HYPERTAPE_ABI::nn {

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
    Index channels = options.channels;
    for (Index i = 1; i <= options.depth; ++i) {
      const std::string name = concat("block", i);
      blocks_.push_back({{parameters_, name + ".conv", channels, options.width, 3, {.padding = 1}},
                         {parameters_, name + ".norm", options.width}});
      channels = options.width;
    }
    const Index side = options.size >> options.depth;
    linear_.emplace(parameters_, "linear", channels * side * side, options.classes);
  }

  /// The layout of theta.
  const Parameters& parameters() const { return parameters_; }
  /// The sizes.
  const ConvNetOptions& options() const { return options_; }

  /// Logits (N, classes) of images x (N, channels, size, size). @throws ShapeError for other images.
  template <class T>
  Var<T> operator()(Var<T> theta, Var<T> x) const {
    return (*linear_)(theta, features(theta, x));
  }

  /// What the last layer is given: (N, F), the output of the last block. @throws as above.
  template <class T>
  Var<T> features(Var<T> theta, Var<T> x) const {
    const Shape image = Shape::batch(1, options_.channels, options_.size, options_.size);
    hypertape::detail::require_batch("ConvNet", "the images", x.shape());
    if (x.shape().rank() != 4 || x.shape().with_samples(1) != image) {
      throw ShapeError("ConvNet: built for images ", image, ", got ", x.shape());
    }
    parameters_.require_theta(theta.shape());
    Var<T> h = x;
    for (const Block& block : blocks_) h = average_pool2d(relu(block.norm(theta, block.conv(theta, h))));
    return reshape(h, {h.shape()[0], h.shape().features()});
  }

 private:
  struct Block {
    Conv2d conv;
    InstanceNorm norm;
  };

  ConvNetOptions options_;
  Parameters parameters_;
  std::vector<Block> blocks_;
  std::optional<Linear> linear_;  // made last, for its weights come last
};

}  // namespace hypertape::inline HYPERTAPE_ABI::nn
