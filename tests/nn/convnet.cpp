#include "hypertape/nn/convnet.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <string>

#include "hypertape/nn/classification_loss.hpp"
#include "hypertape/optim/heavy_ball.hpp"
#include "hypertape/unroll/unroll.hpp"
#include "support/compare.hpp"
#include "support/golden.hpp"
#include "support/random_tensor.hpp"

namespace hypertape::testing {
namespace {

TEST_CASE("convnet: 320,010 weights in PyTorch's order, gamma from 1") {
  const nn::ConvNet net;
  const auto& entries = net.parameters().entries();
  CHECK(net.parameters().size() == 320010);
  REQUIRE(entries.size() == 14);
  CHECK(entries[4].name == "block2.conv.weight");
  CHECK(entries[4].shape == Shape{128, 128, 3, 3});
  CHECK(entries[4].offset == 128 * 27 + 3 * 128);
  CHECK(entries[6].name == "block2.norm.weight");
  CHECK(entries[12].shape == Shape{10, 2048});
  Random random(1);
  const auto theta = net.parameters().initialize<float>(nn::Initializer::xavier_normal, 1, random);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (entries[i].shape.rank() > 1) continue;
    const float start = i % 4 == 2 && i < 12 ? 1.0F : 0.0F;
    for (Index j = 0; j < entries[i].shape.size(); ++j) CHECK(theta[entries[i].offset + j] == start);
  }
}

TEST_CASE("convnet: other images, classes, widths and depths") {
  for (const Index size : {28, 32, 17}) {
    for (const Index depth : {1, 2, 4}) {
      const nn::ConvNet net({.channels = 1, .size = size, .classes = 7, .width = 5, .depth = depth});
      Random random(1);
      Tape<float> tape;
      const auto theta = tape.leaf(net.parameters().initialize<float>(nn::Initializer::he_normal, 1, random));
      const auto logits = net(theta, tape.leaf(random_tensor<float>(Shape::batch(2, 1, size, size))));
      CHECK(logits.shape() == Shape::batch(2, 7));
      CHECK(logits.value().all_finite());
    }
  }
}

TEST_CASE("convnet: what cannot be built, and wrong images") {
  CHECK_THROWS_WITH_AS(nn::ConvNet({.size = 28, .depth = 5}),
                       "ConvNet: images of 28 x 28 cannot have 5 blocks, each of which halves them", ArgumentError);
  CHECK_THROWS_AS(nn::ConvNet({.depth = 0}), ArgumentError);
  CHECK_THROWS_AS(nn::ConvNet({.depth = 1000}), ArgumentError);
  CHECK_THROWS_AS(nn::ConvNet({.size = -8, .depth = 1}), ArgumentError);
  CHECK_THROWS_AS(nn::ConvNet({.classes = 0}), ShapeError);
  CHECK_THROWS_AS(nn::ConvNet({.width = 0}), ShapeError);
  const nn::ConvNet net({.width = 2});
  Tape<float> tape;
  const auto theta = tape.full(Shape{net.parameters().size()}, 0);
  CHECK_THROWS_WITH_AS(net(theta, tape.full(Shape::batch(2, 1, 28, 28), 0)),
                       "ConvNet: built for images (1, 3, 32, 32), got batch (2, 1, 28, 28)", ShapeError);
  CHECK_THROWS_AS(net(theta, tape.full(Shape::batch(2, 3), 0)), ShapeError);
}

template <class T>
std::vector<T> flat(const Tensor<T>& tensor) {
  return {tensor.values().begin(), tensor.values().end()};
}

const Golden& golden() {
  static const Golden values = read_golden("convnet");
  return values;
}

template <class T>
void check_values_of_net(double tolerance) {
  const nn::ConvNet net;
  Tape<T> tape;
  const Var<T> theta = tape.leaf(golden_weights<T>(1, net.parameters()));
  const Var<T> x = tape.leaf(golden_images<T>(10, Shape::batch(2, 3, 32, 32)));
  const std::int32_t labels[] = {3, 8};
  const Var<T> logits = net(theta, x), loss = softmax_cross_entropy(logits, std::span<const std::int32_t>(labels));
  const std::vector<Var<T>> gradients = gradient(loss, {theta, x});
  const std::vector<double>& want = golden().at("logits");
  CHECK(relative_error(logits.value(), from_row_major(Shape::batch(2, 10), std::span<const double>(want))) <=
        tolerance);
  const double expected = golden().at("loss").at(0);
  CHECK(std::abs(static_cast<double>(loss.item()) - expected) <= tolerance * expected);
  check_parts(golden(), "theta", flat(gradients[0].value()), 1009, tolerance);
  check_parts(golden(), "images", to_row_major(gradients[1].value()), 31, tolerance);
}

template <class T>
Tensor<T> one_hot_labels(Index count, Index factor, Index offset) {
  Tensor<T> labels(Shape::batch(count, 10));
  for (Index n = 0; n < count; ++n) labels(n, (factor * n + offset) % 10) = 1;
  return labels;
}

template <class T>
void check_hypergradient(SecondDerivative second, double tolerance) {
  const nn::ConvNet net({.channels = 1, .size = 28, .width = 8});
  InnerLoop<T> loop;
  loop.theta0 = golden_weights<T>(1, net.parameters());
  for (Index s = 0; s < 2; ++s) {
    loop.x.push_back(golden_images<T>(static_cast<std::uint64_t>(10 + s), Shape::batch(3, 1, 28, 28)));
    loop.y.push_back(one_hot_labels<T>(3, 1, 3 * s));
  }
  loop.learning_rates = Tensor<T>(Shape{1, 2}, {T(0.05), T(0.1)});
  loop.rule = optim::HeavyBall{.momentum = 0.5};
  const Tensor<T> real = golden_images<T>(20, Shape::batch(8, 1, 28, 28)), labels = one_hot_labels<T>(8, 7, 3);
  UnrollOptions options;
  options.second_derivative = second;
  const auto h = hypergradient(
      loop, nn::ClassificationLoss{&net},
      [&](Var<T> theta) {
        return softmax_cross_entropy(net(theta, theta.tape().leaf(real)), theta.tape().leaf(labels));
      },
      options);

  const auto check = [&](const std::string& name, std::size_t i, T got) {
    const double expected = golden().at("hypergradient/" + name).at(i);
    CHECK(std::abs(static_cast<double>(got) - expected) <= tolerance * std::abs(expected));
  };
  check("loss", 0, h.outer_loss);
  check("learning_rates", 0, h.learning_rates[0]);
  check("learning_rates", 1, h.learning_rates[1]);
  check("momentum", 0, h.rule["momentum"]);
  std::vector<T> images;
  for (const Tensor<T>& step : h.x) {
    const std::vector<T> values = to_row_major(step);
    images.insert(images.end(), values.begin(), values.end());
  }
  check_parts(golden(), "hypergradient/images", images, 7, tolerance);
  check_parts(golden(), "hypergradient/theta_0", flat(h.theta0), 11, tolerance);
}

// Rounding of some thousand operations in a row, 1e-16 each in double and 6e-8 in float, and cancellation.
TEST_CASE("convnet: PyTorch's logits, loss and gradient") {
  check_values_of_net<double>(1e-11);
  check_values_of_net<float>(1e-3);
}
TEST_CASE("convnet: PyTorch's hypergradient") {
  for (const auto second : {SecondDerivative::forward_over_reverse, SecondDerivative::reverse_over_reverse}) {
    check_hypergradient<double>(second, 1e-9);
    check_hypergradient<float>(second, 1e-2);
  }
}

}  // namespace
}  // namespace hypertape::testing
