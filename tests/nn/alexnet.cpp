#include "hypertape/nn/alexnet.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "hypertape/autodiff/jvp.hpp"
#include "hypertape/ops/losses.hpp"
#include "support/compare.hpp"
#include "support/golden.hpp"
#include "support/random_tensor.hpp"

namespace hypertape::testing {
namespace {

TEST_CASE("alexnet: 61,100,840 weights under torchvision's names") {
  const nn::AlexNet net;
  CHECK(net.parameters().size() == 61100840);
  const std::vector<std::pair<std::string, Shape>> weights = {
      {"features.0", {64, 3, 11, 11}},  {"features.3", {192, 64, 5, 5}},   {"features.6", {384, 192, 3, 3}},
      {"features.8", {256, 384, 3, 3}}, {"features.10", {256, 256, 3, 3}}, {"classifier.1", {4096, 9216}},
      {"classifier.4", {4096, 4096}},   {"classifier.6", {1000, 4096}}};
  const auto& entries = net.parameters().entries();
  REQUIRE(entries.size() == 2 * weights.size());
  for (std::size_t i = 0; i < weights.size(); ++i) {
    CHECK(entries[2 * i].name == weights[i].first + ".weight");
    CHECK(entries[2 * i].shape == weights[i].second);
    CHECK(entries[2 * i + 1].name == weights[i].first + ".bias");
    CHECK(entries[2 * i + 1].shape == Shape{weights[i].second[0]});
  }
}

TEST_CASE("alexnet: the inputs of the first linear layer follow from the size of the images") {
  const auto inputs = [](Index size) {
    return nn::AlexNet({.size = size, .width = 1}).parameters().entries()[10].shape[1];
  };
  for (const Index size : {223, 224, 227, 254}) CHECK(inputs(size) == 4 * 36);
  CHECK(inputs(222) == 4 * 25);
  CHECK(inputs(255) == 4 * 49);
  for (const Index size : {63, 64, 94, 95}) {
    const nn::AlexNet net({.classes = 3, .size = size, .width = 2});
    Tape<float> tape;
    const auto theta = tape.leaf(random_tensor<float>(Shape{net.parameters().size()}, 1));
    const auto logits = net(theta, tape.leaf(random_tensor<float>(Shape::batch(2, 3, size, size))));
    CHECK(logits.shape() == Shape::batch(2, 3));
    CHECK(logits.value().all_finite());
  }
}

TEST_CASE("alexnet: wrong shapes") {
  CHECK_THROWS_WITH_AS(nn::AlexNet({.size = 62}),
                       "AlexNet: images must have 63 x 63 pixels or more, and 1048576 along a side at most, got 62",
                       ShapeError);
  CHECK_THROWS_AS(nn::AlexNet({.size = Index{1} << 40}), ShapeError);
  CHECK_THROWS_AS(nn::AlexNet({.classes = 0}), ShapeError);
  CHECK_THROWS_AS(nn::AlexNet({.width = 0}), ShapeError);
  const nn::AlexNet net({.classes = 2, .size = 64, .width = 1});
  Tape<float> tape;
  const auto theta = tape.full(Shape{net.parameters().size()}, 0);
  CHECK_THROWS_WITH_AS(net(theta, tape.full(Shape::batch(2, 3, 32, 32), 0)),
                       "AlexNet: built for images (1, 3, 64, 64), got batch (2, 3, 32, 32)", ShapeError);
  CHECK_THROWS_AS(net(theta, tape.full(Shape::batch(2, 3), 0)), ShapeError);
  CHECK_THROWS_AS(net(tape.full(Shape{100}, 0), tape.full(Shape::batch(2, 3, 64, 64), 0)), ShapeError);
}

/// Logits, loss, gradients and a Hessian-vector product against PyTorch in double precision (tests/golden/alexnet.py).
template <class T>
void check_golden_alexnet(double tolerance) {
  const Golden golden = read_golden("alexnet");
  const nn::AlexNet net({.classes = 10, .size = 96, .width = 4});
  Tape<T> tape;
  const Var<T> theta = tape.leaf(golden_weights<T>(1, net.parameters()));
  const Var<T> x = tape.leaf(golden_images<T>(10, Shape::batch(2, 3, 96, 96)));
  const std::int32_t labels[] = {3, 8};
  const Var<T> logits = net(theta, x), loss = softmax_cross_entropy(logits, std::span<const std::int32_t>(labels));
  const std::vector<Var<T>> gradients = gradient(loss, {theta, x});
  const Var<T> hvp = jvp(gradients[0], theta, tape.leaf(golden_weights<T>(2, net.parameters())));

  const std::vector<double>& want = golden.at("logits");
  CHECK(relative_error(logits.value(), from_row_major(Shape::batch(2, 10), std::span<const double>(want))) <=
        tolerance);
  CHECK(std::abs(static_cast<double>(loss.item()) - golden.at("loss").at(0)) <= tolerance * golden.at("loss").at(0));
  check_parts(golden, "images", to_row_major(gradients[1].value()), 131, tolerance);
  for (const auto& [name, values] : {std::pair{"theta", gradients[0]}, std::pair{"hvp", hvp}}) {
    check_parts(golden, name, std::vector<T>(values.data(), values.data() + values.size()), 503, tolerance);
  }
}

// Rounding of some thousand operations in a row, 1e-16 each in double and 6e-8 in float.
TEST_CASE("alexnet: PyTorch's logits, loss, gradient and Hessian-vector product") {
  check_golden_alexnet<double>(1e-11);
  check_golden_alexnet<float>(1e-3);
}

}  // namespace
}  // namespace hypertape::testing
