#pragma once

#include <string>
#include <vector>

#include "common.hpp"
#include "hypertape/nn/network.hpp"

namespace hypertape::cli {

/// Which network to train.
struct NetworkOptions {
  std::string net = "lenet";
  Index width = 128;
  Index depth = 3;
  std::string norm = "instance";
  std::string pooling = "average";
  std::vector<Index> hidden = {256};

  void add(Options& options);

  /// The network for images of this size and these classes. @throws ArgumentError if it is not made for them, or an
  /// option of another network is given.
  nn::Network<float> make(const data::LabeledImages& images, const Options& options) const;
};

/// Layers of a convnet that halve images of this size to 4 x 4: three for the 32 x 32 that it was made for.
Index convnet_depth(Index size);

/// What config.json says of a network's theta: the names of its tensors, in order.
std::string layout_of(const nn::Network<float>& network);

}  // namespace hypertape::cli
