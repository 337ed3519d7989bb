#include "network.hpp"

#include <map>

#include "hypertape/nn/alexcifarnet.hpp"
#include "hypertape/nn/alexnet.hpp"
#include "hypertape/nn/convnet.hpp"
#include "hypertape/nn/lenet.hpp"
#include "hypertape/nn/mlp.hpp"

namespace hypertape::cli {

using hypertape::detail::concat;
namespace {

const std::map<std::string, nn::Norm> norms = {
    {"instance", nn::Norm::instance}, {"group", nn::Norm::group}, {"layer", nn::Norm::layer}, {"none", nn::Norm::none}};

const std::map<std::string, nn::Pooling> poolings = {
    {"average", nn::Pooling::average}, {"max", nn::Pooling::max}, {"none", nn::Pooling::none}};

/// "convnet-3x128", plus what differs from the default: "convnet-3x128-group-norm-no-pooling".
std::string convnet_name(const NetworkOptions& options) {
  const auto difference = [](const std::string& chosen, const char* usual, const char* what) {
    if (chosen == usual) return std::string();
    return concat('-', chosen == "none" ? "no" : chosen, '-', what);
  };
  return concat("convnet-", options.depth, 'x', options.width, difference(options.norm, "instance", "norm"),
                difference(options.pooling, "average", "pooling"));
}

}  // namespace

namespace {

/// Names the networks that accept these square images.
std::string fitting_networks(const data::LabeledImages& images) {
  const Index size = images.width;
  std::string text;
  if (size == 28 || size == 32) text += "--net lenet, ";
  if (size == 32 && images.channels == 3) text += "--net alexcifarnet, ";
  const Index depth = convnet_depth(size);
  if (size >> depth >= 1) text += concat("--net convnet --depth ", depth, ", ");
  return text + "--net mlp or --net linear";
}

}  // namespace

Index convnet_depth(Index size) {
  Index depth = 1;
  while (size >> (depth + 1) >= 4) ++depth;
  return depth;
}

void NetworkOptions::add(Options& options) {
  options.group("Network");
  options.add("--net", net, "Network to train")
      ->check(CLI::IsMember({"lenet", "alexcifarnet", "alexnet", "convnet", "mlp", "linear"}));
  options.add("--width", width, "Channels of each layer of convnet")->check(CLI::Range(1, 4096));
  options.add("--depth", depth, "Layers of convnet")->check(CLI::Range(1, 16));
  options
      .add("--norm", norm,
           "Normalization of convnet, over each of 4 groups of channels, each channel, the whole layer, or not at all")
      ->check(CLI::IsMember(names_of(norms)));
  options.add("--pooling", pooling, "Pooling that halves the image in each layer of convnet")
      ->check(CLI::IsMember(names_of(poolings)));
  options.add("--hidden", hidden, "Units of each hidden layer of mlp, as in --hidden 64 32")
      ->check(CLI::Range(1, 65536));
}

nn::Network<float> NetworkOptions::make(const data::LabeledImages& images, const Options& options) const {
  options.only(net == "convnet", "--net convnet", {"--width", "--depth", "--norm", "--pooling"});
  options.only(net == "mlp", "--net mlp", {"--hidden"});
  const Index channels = images.channels, size = images.width, classes = images.classes;
  try {
    if (net == "mlp" || net == "linear") {
      std::string name = net;
      std::vector<Index> widths = {images.bytes_per_image()};
      if (net == "mlp") widths.insert(widths.end(), hidden.begin(), hidden.end());
      for (std::size_t layer = 1; layer < widths.size(); ++layer) name += concat('-', widths[layer]);
      widths.push_back(classes);
      return {name, nn::Mlp(widths)};
    }
    if (images.height != images.width) throw ShapeError("images must be square");
    if (net == "alexcifarnet") {
      if (channels != 3 || size != 32) {
        throw ShapeError("images must be (3, 32, 32), not ", Shape{channels, size, size});
      }
      return {net, nn::AlexCifarNet(classes)};
    }
    if (net == "alexnet") {
      if (channels != 3) throw ShapeError("images must have 3 channels, not ", channels);
      return {net, nn::AlexNet({.classes = classes, .size = size})};
    }
    if (net == "convnet") {
      return {convnet_name(*this), nn::ConvNet({.channels = channels,
                                                .size = size,
                                                .classes = classes,
                                                .width = width,
                                                .depth = depth,
                                                .norm = norms.at(norm),
                                                .pooling = poolings.at(pooling)})};
    }
    return {net, nn::LeNet(channels, size, classes)};
  } catch (const Error& error) {
    throw ArgumentError("--net ", net, ": ", error.what(), "; images (", channels, ", ", images.height, ", ", size,
                        ") go with ", fitting_networks(images), ", or change --image-size");
  }
}

std::string layout_of(const nn::Network<float>& network) {
  std::string names;
  for (const auto& entry : network.parameters().entries()) names += entry.name + ' ';
  return names + "(each row-major in PyTorch's axis order)";
}

}  // namespace hypertape::cli
