#pragma once

#include <map>
#include <regex>
#include <string>
#include <vector>

#include "hypertape/core/error.hpp"
#include "hypertape/data/dataset.hpp"
#include "hypertape/nn/alexcifarnet.hpp"
#include "hypertape/nn/alexnet.hpp"
#include "hypertape/nn/convnet.hpp"
#include "hypertape/nn/initializers.hpp"
#include "hypertape/nn/lenet.hpp"
#include "hypertape/nn/mlp.hpp"
#include "hypertape/nn/network.hpp"

namespace hypertape::python {

/// The network with a name as in config.json, for these images: lenet, alexcifarnet, alexnet, linear, mlp (mlp-256) or
/// mlp-64-32, convnet (convnet-3x128) or convnet-4x64-group-norm-no-pooling. @throws ArgumentError if there is no such
/// network, or it does not accept the images.
inline nn::Network<float> network_named(const std::string& name, const data::LabeledImages& images) {
  static const std::regex mlp("mlp((?:-[1-9][0-9]{0,4})*)");
  static const std::regex convnet(
      "convnet(?:-([1-9][0-9]?)x([1-9][0-9]{0,3}))?(?:-(group|layer|no)-norm)?(?:-(max|no)-pooling)?");
  const Index channels = images.channels, size = images.width, classes = images.classes;
  std::smatch match;
  try {
    if (name == "linear") return {name, nn::Mlp({images.bytes_per_image(), classes})};
    if (std::regex_match(name, match, mlp)) {
      std::vector<Index> widths = {images.bytes_per_image()};
      const std::string hidden = match[1].length() > 0 ? match[1].str() : "-256";
      for (std::size_t at = 0; at != std::string::npos; at = hidden.find('-', at + 1)) {
        widths.push_back(std::stol(hidden.substr(at + 1)));
      }
      widths.push_back(classes);
      return {"mlp" + hidden, nn::Mlp(widths)};
    }
    if (images.height != images.width) throw ShapeError("images must be square");
    if (name == "lenet") return {name, nn::LeNet(channels, size, classes)};
    if (name == "alexcifarnet") {
      if (channels != 3 || size != 32) throw ShapeError("images must be (3, 32, 32)");
      return {name, nn::AlexCifarNet(classes)};
    }
    if (name == "alexnet") {
      if (channels != 3) throw ShapeError("images must have 3 channels");
      return {name, nn::AlexNet({.classes = classes, .size = size})};
    }
    if (std::regex_match(name, match, convnet)) {
      static const std::map<std::string, nn::Norm> norms = {
          {"", nn::Norm::instance}, {"group", nn::Norm::group}, {"layer", nn::Norm::layer}, {"no", nn::Norm::none}};
      static const std::map<std::string, nn::Pooling> poolings = {
          {"", nn::Pooling::average}, {"max", nn::Pooling::max}, {"no", nn::Pooling::none}};
      nn::ConvNetOptions options{.channels = channels, .size = size, .classes = classes};
      if (match[1].matched) options.depth = std::stol(match[1]), options.width = std::stol(match[2]);
      options.norm = norms.at(match[3]);
      options.pooling = poolings.at(match[4]);
      return {name, nn::ConvNet(options)};
    }
  } catch (const Error& error) {
    throw ArgumentError("network ", name, ": ", error.what(), "; the images are (", channels, ", ", images.height, ", ",
                        size, ") of ", classes, " classes");
  }
  throw ArgumentError(
      "network: needs lenet, alexcifarnet, alexnet, linear, mlp, mlp-64-32 (hidden layers), convnet or ",
      "convnet-3x128 (depth x width; then, if need be, -group-norm, -layer-norm or -no-norm, and ",
      "-max-pooling or -no-pooling), got '", name, "'");
}

/// The initializer that the tool calls by this name. @throws ArgumentError if there is none.
inline nn::Initializer initializer_named(const std::string& name) {
  static const std::map<std::string, nn::Initializer> initializers = {
      {"xavier-normal", nn::Initializer::xavier_normal},
      {"xavier-uniform", nn::Initializer::xavier_uniform},
      {"he-normal", nn::Initializer::he_normal},
      {"he-normal-out", nn::Initializer::he_normal_out},
      {"normal", nn::Initializer::normal},
      {"orthogonal", nn::Initializer::orthogonal},
      {"pytorch", nn::Initializer::pytorch}};
  if (const auto found = initializers.find(name); found != initializers.end()) return found->second;
  std::string known;
  for (const auto& [other, value] : initializers) known += (known.empty() ? "" : ", ") + other;
  throw ArgumentError("initializer: needs one of ", known, ", got '", name, "'");
}

}  // namespace hypertape::python
