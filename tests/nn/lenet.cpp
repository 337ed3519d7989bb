#include "hypertape/nn/lenet.hpp"

#include <doctest/doctest.h>

#include <span>

#include "hypertape/autodiff/check_gradient.hpp"
#include "support/compare.hpp"
#include "support/random_tensor.hpp"

namespace hypertape::testing {
namespace {

TEST_CASE("lenet: 61,706 weights in PyTorch's order") {
  const nn::LeNet net;
  const auto& entries = net.parameters().entries();
  CHECK(net.parameters().size() == 61706);
  REQUIRE(entries.size() == 10);
  CHECK(entries[0].name == "conv1.weight");
  CHECK(entries[0].shape == Shape{6, 1, 5, 5});
  CHECK(entries[4].name == "fc1.weight");
  CHECK(entries[4].offset == 6 * 25 + 6 + 16 * 150 + 16);
  CHECK(entries[9].shape == Shape{10});
}

TEST_CASE("lenet: both image sizes, one and three channels, any number of classes") {
  for (const Index size : {28, 32}) {
    for (const Index channels : {1, 3}) {
      const nn::LeNet net(channels, size, 7);
      Random random(1);
      Tape<float> tape;
      const auto theta = tape.leaf(net.parameters().initialize<float>(nn::Initializer::xavier_normal, 1, random));
      const auto logits = net(theta, tape.leaf(random_tensor<float>(Shape::batch(2, channels, size, size))));
      CHECK(logits.shape() == Shape::batch(2, 7));
      CHECK(logits.value().all_finite());
    }
  }
}

TEST_CASE("lenet: pooling before relu changes neither values nor gradients") {
  Tape<double> tape;
  const auto x = tape.leaf(random_tensor<double>(Shape::batch(3, 2, 6, 6)));
  const auto ours = relu(max_pool2d(x)), usual = max_pool2d(relu(x));
  CHECK(equal(ours.value(), usual.value()));
  const auto cotangent = tape.leaf(random_tensor<double>(ours.shape(), 2));
  CHECK(equal(vjp(ours, cotangent, x).value(), vjp(usual, cotangent, x).value()));
}

TEST_CASE("lenet: its gradient against central differences in some weights") {
  // All 61,706 would take long: a random direction of all of them, and the images.
  const nn::LeNet net;
  Random random(3);
  const Tensor<double> theta = net.parameters().initialize<double>(nn::Initializer::xavier_normal, 1, random);
  const Tensor<double> direction = random_tensor<double>(theta.shape(), 4),
                       x = random_tensor<double>(Shape{1, 1, 28, 28});
  const auto f = [&](std::span<const Var<double>> s) {
    Tape<double>& tape = s[0].tape();
    return net(tape.leaf(theta) + s[0] * tape.leaf(direction) * 0.01, tape.leaf(x));
  };
  const GradientCheck check = check_gradient<double>(f, {Tensor<double>(Shape{}, {0.3})});
  CHECK(check.within(1e-6, 1e-12));
}

TEST_CASE("lenet: wrong shapes") {
  CHECK_THROWS_WITH_AS(nn::LeNet(1, 30), "LeNet: images must be 28x28 or 32x32, got 30", ShapeError);
  const nn::LeNet net;
  Tape<float> tape;
  const auto image = tape.full(Shape::batch(2, 1, 28, 28), 0);
  CHECK_THROWS_WITH_AS(net(tape.full(Shape{100}, 0), image), "Parameters: theta must be (61706), got (100)",
                       ShapeError);
  CHECK_THROWS_WITH_AS(net(tape.full(Shape{61706}, 0), tape.full(Shape::batch(2, 3, 28, 28), 0)),
                       "LeNet: built for images (1, 1, 28, 28), got batch (2, 3, 28, 28)", ShapeError);
}

}  // namespace
}  // namespace hypertape::testing
