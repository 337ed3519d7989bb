#include "hypertape/nn/network.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "hypertape/nn/alexcifarnet.hpp"
#include "hypertape/nn/alexnet.hpp"
#include "hypertape/nn/convnet.hpp"
#include "hypertape/nn/lenet.hpp"
#include "hypertape/nn/mlp.hpp"
#include "support/check_error.hpp"
#include "support/compare.hpp"
#include "support/random_tensor.hpp"

namespace hypertape::testing {
namespace {

TEST_CASE("network: any model behind one type, with its logits") {
  const nn::LeNet lenet;
  const nn::Network<float> network("lenet", lenet);
  CHECK(network.name() == "lenet");
  CHECK(network.parameters().size() == lenet.parameters().size());
  Tape<float> tape;
  const auto theta = tape.leaf(random_tensor<float>(Shape{61706}, 1));
  const auto x = tape.leaf(random_tensor<float>(Shape::batch(2, 1, 28, 28), 2));
  CHECK(equal(network(theta, x).value(), lenet(theta, x).value()));
}

/// Checks that the model's logits are its features times the weight of its last layer, plus the bias.
template <class Model>
void check_features(const Model& model, const Shape& image, Index features) {
  const nn::Network<double> network("model", model);
  CHECK(network.has_features());
  const std::vector<nn::Parameter>& entries = model.parameters().entries();
  const nn::Parameter &weight = entries[entries.size() - 2], &bias = entries.back();
  CHECK(weight.shape[1] == features);
  Tape<double> tape;
  Random random(3);
  const auto theta = tape.leaf(model.parameters().template initialize<double>(nn::Initializer::he_normal, 1, random));
  const auto x = tape.leaf(random_tensor<double>(image.with_samples(3), 2));
  const Tensor<double> f = network.features(theta, x).value(), logits = network(theta, x).value();
  REQUIRE(f.shape()[0] == 3);
  REQUIRE(f.shape().features() == features);
  const Tensor<double> w = weight(theta).value(), b = bias(theta).value();
  for (Index n = 0; n < 3; ++n) {
    for (Index k = 0; k < weight.shape[0]; ++k) {
      double expected = b[k];
      for (Index i = 0; i < features; ++i) expected += f(n, i) * w(k, i);
      CHECK(std::abs(logits(n, k) - expected) <= 1e-12 * (1 + std::abs(expected)));
    }
  }
}

TEST_CASE("network: features are what the last layer is given, of each network") {
  check_features(nn::LeNet(1, 28, 7), Shape::batch(1, 1, 28, 28), 84);
  check_features(nn::ConvNet({.channels = 2, .size = 16, .classes = 5, .width = 6, .depth = 2}),
                 Shape::batch(1, 2, 16, 16), 6 * 4 * 4);
  check_features(nn::AlexNet({.classes = 5, .size = 63, .width = 2}), Shape::batch(1, 3, 63, 63), 128);
  check_features(nn::AlexCifarNet(4), Shape::batch(1, 3, 32, 32), 192);
  check_features(nn::Mlp({6, 5, 4, 3}, nn::Activation::tanh), Shape::batch(1, 6), 4);
  check_features(nn::Mlp({6, 3}), Shape::batch(1, 6), 6);
}

TEST_CASE("network: a model without features is one, and refuses to give them by its name") {
  struct Plain {
    nn::Mlp mlp{{4, 2}};
    const nn::Parameters& parameters() const { return mlp.parameters(); }
    Var<float> operator()(Var<float> theta, Var<float> x) const { return mlp(theta, x); }
  };
  const nn::Network<float> network("plain", Plain());
  CHECK(!network.has_features());
  Tape<float> tape;
  const auto theta = tape.full(Shape{10}, 1), x = tape.full(Shape::batch(3, 4), 1);
  CHECK(network(theta, x).shape() == Shape::batch(3, 2));
  check_error<ArgumentError>([&] { network.features(theta, x); }, {"Network: the model of plain has no features"});
}

}  // namespace
}  // namespace hypertape::testing
