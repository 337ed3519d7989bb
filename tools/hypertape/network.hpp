#pragma once

#include <string>
#include <vector>

#include "common.hpp"
#include "hypertape/nn/network.hpp"

namespace hypertape::cli {

/// Options of the network to train.
struct NetworkOptions {
  std::string net = "lenet";
  Index width = 128;
  Index depth = 3;
  std::string norm = "instance";
  std::string pooling = "average";
  std::vector<Index> hidden = {256};

  void add(Options& options);

  /// The network for these images. @throws ArgumentError if it does not accept them, or an option of another network is
  /// given.
  nn::Network<float> make(const data::LabeledImages& images, const Options& options) const;
};

/// The number of convnet layers that halve images of this size to 4 x 4: three for the usual 32 x 32.
Index convnet_depth(Index size);

/// The layout of a network's theta for config.json: the names of its tensors, in order.
std::string layout_of(const nn::Network<float>& network);

}  // namespace hypertape::cli
