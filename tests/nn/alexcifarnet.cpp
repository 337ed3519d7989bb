#include "hypertape/nn/alexcifarnet.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <string>

#include "hypertape/autodiff/jvp.hpp"
#include "hypertape/ops/losses.hpp"
#include "support/compare.hpp"
#include "support/golden.hpp"
#include "support/random_tensor.hpp"

namespace hypertape::testing {
namespace {

TEST_CASE("alexcifarnet: 1,756,426 weights in PyTorch's order") {
  const nn::AlexCifarNet net;
  const auto& entries = net.parameters().entries();
  CHECK(net.parameters().size() == 1756426);
  REQUIRE(entries.size() == 10);
  CHECK(entries[2].name == "conv2.weight");
  CHECK(entries[2].shape == Shape{64, 64, 5, 5});
  CHECK(entries[4].offset == 64 * 75 + 64 + 64 * 1600 + 64);
  CHECK(entries[9].shape == Shape{10});
}

TEST_CASE("alexcifarnet: any number of classes") {
  const nn::AlexCifarNet net(3);
  Random random(1);
  Tape<float> tape;
  const auto theta = tape.leaf(net.parameters().initialize<float>(nn::Initializer::xavier_normal, 1, random));
  const auto logits = net(theta, tape.leaf(random_tensor<float>(Shape::batch(2, 3, 32, 32))));
  CHECK(logits.shape() == Shape::batch(2, 3));
  CHECK(logits.value().all_finite());
}

TEST_CASE("alexcifarnet: wrong shapes") {
  CHECK_THROWS_AS(nn::AlexCifarNet(0), ShapeError);
  const nn::AlexCifarNet net;
  Tape<float> tape;
  const auto theta = tape.full(Shape{1756426}, 0);
  CHECK_THROWS_WITH_AS(net(theta, tape.full(Shape::batch(2, 1, 28, 28), 0)),
                       "AlexCifarNet: built for images (1, 3, 32, 32), got batch (2, 1, 28, 28)", ShapeError);
  CHECK_THROWS_WITH_AS(net(tape.full(Shape{100}, 0), tape.full(Shape::batch(2, 3, 32, 32), 0)),
                       "Parameters: theta must be (1756426), got (100)", ShapeError);
}

/// Logits, loss, gradients and a Hessian-vector product against PyTorch in double precision
/// (tests/golden/alexcifarnet.py).
template <class T>
void check_golden_alexcifarnet(double tolerance) {
  const Golden golden = read_golden("alexcifarnet");
  const nn::AlexCifarNet net;
  Tape<T> tape;
  const Var<T> theta = tape.leaf(golden_weights<T>(1, net.parameters()));
  const Var<T> x = tape.leaf(golden_images<T>(10, Shape::batch(2, 3, 32, 32)));
  const std::int32_t labels[] = {3, 8};
  const Var<T> logits = net(theta, x), loss = softmax_cross_entropy(logits, std::span<const std::int32_t>(labels));
  const std::vector<Var<T>> gradients = gradient(loss, {theta, x});
  const Var<T> hvp = jvp(gradients[0], theta, tape.leaf(golden_weights<T>(2, net.parameters())));

  const std::vector<double>& want = golden.at("logits");
  CHECK(relative_error(logits.value(), from_row_major(Shape::batch(2, 10), std::span<const double>(want))) <=
        tolerance);
  CHECK(std::abs(static_cast<double>(loss.item()) - golden.at("loss").at(0)) <= tolerance * golden.at("loss").at(0));
  check_parts(golden, "images", to_row_major(gradients[1].value()), 31, tolerance);
  for (const auto& [name, values] : {std::pair{"theta", gradients[0]}, std::pair{"hvp", hvp}}) {
    check_parts(golden, name, std::vector<T>(values.data(), values.data() + values.size()), 5003, tolerance);
    const std::vector<double>& norms = golden.at(std::string(name) + "/norms");
    for (std::size_t i = 0; i < norms.size(); ++i) {
      CAPTURE(i);
      const auto& entry = net.parameters().entries()[i];
      const T* part = values.data() + entry.offset;
      double square = 0;
      for (Index j = 0; j < entry.shape.size(); ++j)
        square += static_cast<double>(part[j]) * static_cast<double>(part[j]);
      CHECK(std::abs(std::sqrt(square) - norms[i]) <= tolerance * norms[i]);
    }
  }
}

// Rounding of some thousand operations in a row, 1e-16 each in double and 6e-8 in float.
TEST_CASE("alexcifarnet: PyTorch's logits, loss, gradient and Hessian-vector product") {
  check_golden_alexcifarnet<double>(1e-11);
  check_golden_alexcifarnet<float>(1e-3);
}

TEST_CASE("alexcifarnet: pooling before relu changes neither values nor gradients where windows overlap") {
  Tape<double> tape;
  const auto x = tape.leaf(random_tensor<double>(Shape::batch(3, 2, 7, 7)));
  const Pool2dOptions pool{.size = 3, .stride = 2, .padding = 1};
  const auto ours = relu(max_pool2d(x, pool)), usual = max_pool2d(relu(x), pool);
  CHECK(equal(ours.value(), usual.value()));
  const auto cotangent = tape.leaf(random_tensor<double>(ours.shape(), 2));
  CHECK(equal(vjp(ours, cotangent, x).value(), vjp(usual, cotangent, x).value()));
}

}  // namespace
}  // namespace hypertape::testing
