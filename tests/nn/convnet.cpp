#include "hypertape/nn/convnet.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <string>

#include "hypertape/nn/classification_loss.hpp"
#include "hypertape/optim/heavy_ball.hpp"
#include "hypertape/unroll/unroll.hpp"
#include "support/check_operation.hpp"
#include "support/golden.hpp"

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

TEST_CASE("convnet: images of 28 x 28 become 32 x 32 in the first convolution, others stay") {
  const auto features = [](Index size, Index depth) {
    const nn::ConvNet net({.channels = 1, .size = size, .width = 4, .depth = depth});
    return net.parameters().entries()[static_cast<std::size_t>(4 * depth)].shape[1];
  };
  CHECK(nn::ConvNet({.channels = 1, .size = 28}).parameters().entries()[12].shape == Shape{10, 2048});
  CHECK(features(28, 3) == 4 * 4 * 4);
  CHECK(features(28, 5) == 4);
  CHECK(features(27, 3) == 4 * 3 * 3);
  CHECK(features(29, 3) == 4 * 3 * 3);
  CHECK(features(32, 3) == 4 * 4 * 4);
}

TEST_CASE("convnet: norms and poolings say which weights there are") {
  const auto weights = [](nn::Norm norm, nn::Pooling pooling) {
    return nn::ConvNet({.size = 8, .width = 4, .depth = 2, .norm = norm, .pooling = pooling}).parameters();
  };
  constexpr Index convolutions = 4 * 27 + 4 + 4 * 36 + 4, norms = 2 * 8;
  for (const nn::Norm norm : {nn::Norm::instance, nn::Norm::group, nn::Norm::layer}) {
    CHECK(weights(norm, nn::Pooling::average).size() == convolutions + norms + 10 * 16 + 10);
    CHECK(weights(norm, nn::Pooling::max).entries()[2].name == "block1.norm.weight");
    CHECK(weights(norm, nn::Pooling::none).size() == convolutions + norms + 10 * 256 + 10);
  }
  CHECK(weights(nn::Norm::none, nn::Pooling::max).size() == convolutions + 10 * 16 + 10);
  CHECK(weights(nn::Norm::none, nn::Pooling::max).entries()[2].name == "block2.conv.weight");
}

/// A ConvNet without kinks, whose derivatives differences can check.
nn::ConvNetOptions smooth(nn::Norm norm, nn::Pooling pooling, Index size) {
  return {.channels = 2,
          .size = size,
          .classes = 3,
          .width = 4,
          .depth = 2,
          .norm = norm,
          .pooling = pooling,
          .activation = nn::Activation::tanh};
}

TEST_CASE("convnet: value against its operations, derivatives for every norm and pooling") {
  for (const nn::Norm norm : {nn::Norm::instance, nn::Norm::group, nn::Norm::layer, nn::Norm::none}) {
    for (const nn::Pooling pooling : {nn::Pooling::average, nn::Pooling::max, nn::Pooling::none}) {
      CAPTURE(static_cast<int>(norm));
      CAPTURE(static_cast<int>(pooling));
      const nn::ConvNet net(smooth(norm, pooling, 5));
      const auto theta = random_tensor<double>(Shape{net.parameters().size()}, 1);
      const auto x = random_tensor<double>(Shape::batch(2, 2, 5, 5), 2);
      Tape<double> tape;
      const Var<double> weights = tape.leaf(theta);
      const auto p = [&](const std::string& name) { return net.parameters().get(weights, name); };
      Var<double> h = tape.leaf(x);
      for (const std::string block : {"block1.", "block2."}) {
        h = conv2d(h, p(block + "conv.weight"), p(block + "conv.bias"), {.padding = 1});
        if (norm != nn::Norm::none) {
          const Index groups = norm == nn::Norm::layer ? 1 : norm == nn::Norm::group ? 4 : h.shape()[1];
          h = group_norm(h, groups, p(block + "norm.weight"), p(block + "norm.bias"));
        }
        h = tanh(h);
        if (pooling == nn::Pooling::max) h = max_pool2d(h);
        if (pooling == nn::Pooling::average) h = average_pool2d(h);
      }
      const Var<double> logits = linear(reshape(h, {2, h.shape().features()}), p("linear.weight"), p("linear.bias"));
      const auto f = [&](std::span<const Var<double>> in) { return net(in[0], in[1]); };
      CHECK(relative_error(evaluate<double>(f, {theta, x}), logits.value()) <= 1e-13);
      check_operation(f, {theta, x});
    }
  }
}

TEST_CASE("convnet: what cannot be built, and wrong images") {
  CHECK_THROWS_WITH_AS(nn::ConvNet({.size = 28, .depth = 6}),
                       "ConvNet: images of 28 x 28 cannot have 6 blocks, each of which halves them", ArgumentError);
  CHECK_THROWS_WITH_AS(nn::ConvNet({.size = 0, .depth = 6, .pooling = nn::Pooling::none}),
                       "ConvNet: images of 0 x 0 cannot have 6 blocks", ArgumentError);
  CHECK_THROWS_WITH_AS(nn::ConvNet({.width = 6, .norm = nn::Norm::group}),
                       "ConvNet: group normalization needs a width that 4 groups divide, got 6", ArgumentError);
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

/// Logits, loss and gradient of a network, whose blocks have this prefix.
template <class T>
void check_values_of_net(const std::string& prefix, const nn::ConvNetOptions& options, double tolerance) {
  const nn::ConvNet net(options);
  Tape<T> tape;
  const Var<T> theta = tape.leaf(golden_weights<T>(1, net.parameters()));
  const Var<T> x = tape.leaf(golden_images<T>(10, Shape::batch(2, options.channels, options.size, options.size)));
  const std::int32_t labels[] = {3, 8};
  const Var<T> logits = net(theta, x), loss = softmax_cross_entropy(logits, std::span<const std::int32_t>(labels));
  const std::vector<Var<T>> gradients = gradient(loss, {theta, x});
  const std::vector<double>& want = golden().at(prefix + "logits");
  CHECK(relative_error(logits.value(), from_row_major(Shape::batch(2, 10), std::span<const double>(want))) <=
        tolerance);
  const double expected = golden().at(prefix + "loss").at(0);
  CHECK(std::abs(static_cast<double>(loss.item()) - expected) <= tolerance * expected);
  check_parts(golden(), prefix + "theta", flat(gradients[0].value()), theta.size() > 100000 ? 1009 : 11, tolerance);
  check_parts(golden(), prefix + "images", to_row_major(gradients[1].value()), 31, tolerance);
}

template <class T>
void check_values(double tolerance) {
  check_values_of_net<T>("", {}, tolerance);
  check_values_of_net<T>("small-images/", {.channels = 1, .size = 28}, tolerance);
  check_values_of_net<T>("group-max/", {.size = 28, .width = 12, .norm = nn::Norm::group, .pooling = nn::Pooling::max},
                         tolerance);
  check_values_of_net<T>("layer-no-pooling/",
                         {.size = 7, .width = 6, .depth = 2, .norm = nn::Norm::layer, .pooling = nn::Pooling::none},
                         tolerance);
  check_values_of_net<T>(
      "no-norm-tanh/", {.size = 18, .width = 5, .depth = 2, .norm = nn::Norm::none, .activation = nn::Activation::tanh},
      tolerance);
}

template <class T>
Tensor<T> one_hot_labels(Index count, Index factor, Index offset) {
  Tensor<T> labels(Shape::batch(count, 10));
  for (Index n = 0; n < count; ++n) labels(n, (factor * n + offset) % 10) = 1;
  return labels;
}

template <class T>
void check_hypergradient(const std::string& prefix, const nn::ConvNetOptions& shape, SecondDerivative second,
                         double tolerance) {
  const nn::ConvNet net(shape);
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
    const double expected = golden().at(prefix + name).at(i);
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
  check_parts(golden(), prefix + "images", images, 7, tolerance);
  check_parts(golden(), prefix + "theta_0", flat(h.theta0), 11, tolerance);
}

// Rounding of some thousand operations in a row, 1e-16 each in double and 6e-8 in float, and cancellation.
TEST_CASE("convnet: PyTorch's logits, loss and gradient") {
  check_values<double>(1e-11);
  check_values<float>(1e-3);
}
TEST_CASE("convnet: PyTorch's hypergradients") {
  const nn::ConvNetOptions usual{.channels = 1, .size = 28, .width = 8};
  nn::ConvNetOptions other = usual;
  other.norm = nn::Norm::group;
  other.pooling = nn::Pooling::max;
  for (const auto second : {SecondDerivative::forward_over_reverse, SecondDerivative::reverse_over_reverse}) {
    check_hypergradient<double>("hypergradient/", usual, second, 1e-9);
    check_hypergradient<float>("hypergradient/", usual, second, 1e-2);
    check_hypergradient<double>("hypergradient-group-max/", other, second, 1e-9);
    check_hypergradient<float>("hypergradient-group-max/", other, second, 1e-2);
  }
}

}  // namespace
}  // namespace hypertape::testing
