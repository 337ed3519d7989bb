#pragma once

#include <optional>
#include <string>
#include <vector>

#include "hypertape/nn/activation.hpp"
#include "hypertape/nn/layers.hpp"
#include "hypertape/ops/pool2d.hpp"

namespace hypertape::inline HYPERTAPE_ABI::nn {

using hypertape::detail::concat;

/// What a block of a ConvNet normalizes over. Batch normalization is not offered, since its statistics couple the
/// samples of a batch and differ between training and testing; `batch_norm` is available as an operation.
enum class Norm {
  instance,  ///< each channel of a sample
  group,     ///< each of 4 groups of a sample's channels
  layer,     ///< a whole sample, with gamma and beta per channel: one group
  none,      ///< nothing; there are no gamma and beta
};

/// How a block of a ConvNet halves the image.
enum class Pooling {
  average,  ///< the means of 2 x 2 windows
  max,      ///< the maxima of 2 x 2 windows
  none,     ///< no halving
};

/// The sizes of a ConvNet and the parts of its blocks.
struct ConvNetOptions {
  Index channels = 3;                        ///< channels of an image
  Index size = 32;                           ///< rows and columns of an image
  Index classes = 10;                        ///< columns of the logits
  Index width = 128;                         ///< channels of each block; a multiple of 4 with Norm::group
  Index depth = 3;                           ///< number of blocks
  Norm norm = Norm::instance;                ///< after each convolution
  Pooling pooling = Pooling::average;        ///< at the end of each block
  Activation activation = Activation::relu;  ///< between normalization and pooling
};

/// The ConvNet of the literature on dataset distillation since 2020 (Gidaris and Komodakis 2018; Zhao et al. 2020). For
/// images (N, channels, size, size) it has `depth` blocks of
///
///     conv 3x3 to `width` channels (padding 1), instance normalization, relu, average pool 2/2
///
/// and then a linear layer to the classes. For images of 28 x 28 the first convolution has padding 3 and gives 32 x 32,
/// as published, so that three blocks leave 4 x 4 positions. It has 320,010 weights by default, in PyTorch's order and
/// axis order: for each block the convolution's weight and bias, then the normalization's gamma and beta; gamma starts
/// at 1. Max-pooling comes before the activation, which is nondecreasing: the same values and gradients for less work.
class ConvNet {
 public:
  /// From its sizes. @throws ArgumentError unless there is a block, the image can be halved that often, and the width
  /// suits the norm; ShapeError for less than one channel, class or width.
  explicit ConvNet(const ConvNetOptions& options = {}) : options_(options) {
    constexpr Index published_small = 28, published_padded = 32;
    const bool padded = options.size == published_small;
    const Index first_padding = padded ? 1 + (published_padded - published_small) / 2 : 1;
    const Index size = padded ? published_padded : options.size;
    const bool halves = options.pooling != Pooling::none;
    if (options.depth < 1 || options.depth > 62 || (halves ? size >> options.depth : size) < 1) {
      throw ArgumentError("ConvNet: images of ", options.size, " x ", options.size, " cannot have ", options.depth,
                          " blocks", halves ? ", each of which halves them" : "");
    }
    if (options.norm == Norm::group && options.width % groups_of_channels != 0) {
      throw ArgumentError("ConvNet: group normalization needs a width that ", groups_of_channels,
                          " groups divide, got ", options.width);
    }
    Index channels = options.channels;
    for (Index i = 1; i <= options.depth; ++i) {
      const std::string name = concat("block", i);
      Block& block = blocks_.emplace_back(Block{
          {parameters_, name + ".conv", channels, options.width, 3, {.padding = i == 1 ? first_padding : 1}}, {}});
      if (options.norm != Norm::none) block.norm.emplace(parameters_, name + ".norm", options.width, groups());
      channels = options.width;
    }
    const Index side = halves ? size >> options.depth : size;
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

  /// The inputs (N, F) of the last layer: the output of the last block. @throws as above.
  template <class T>
  Var<T> features(Var<T> theta, Var<T> x) const {
    const Shape image = Shape::batch(1, options_.channels, options_.size, options_.size);
    hypertape::detail::require_batch("ConvNet", "the images", x.shape());
    if (x.shape().rank() != 4 || x.shape().with_samples(1) != image) {
      throw ShapeError("ConvNet: built for images ", image, ", got ", x.shape());
    }
    parameters_.require_theta(theta.shape());
    Var<T> h = x;
    for (const Block& block : blocks_) {
      h = block.conv(theta, h);
      if (block.norm) h = (*block.norm)(theta, h);
      if (options_.pooling == Pooling::max) h = max_pool2d(h);
      h = activate(options_.activation, h);
      if (options_.pooling == Pooling::average) h = average_pool2d(h);
    }
    return reshape(h, {h.shape()[0], h.shape().features()});
  }

 private:
  static constexpr Index groups_of_channels = 4;  // for Norm::group

  struct Block {
    Conv2d conv;
    std::optional<GroupNorm> norm;
  };

  /// The number of groups of each normalization.
  Index groups() const {
    return options_.norm == Norm::instance ? options_.width : options_.norm == Norm::group ? groups_of_channels : 1;
  }

  ConvNetOptions options_;
  Parameters parameters_;
  std::vector<Block> blocks_;
  std::optional<Linear> linear_;  // made last, since its weights come last
};

}  // namespace hypertape::inline HYPERTAPE_ABI::nn
