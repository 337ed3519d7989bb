#include "hypertape/nn/squared_loss.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "hypertape/nn/mlp.hpp"
#include "support/check_operation.hpp"

namespace hypertape::testing {
namespace {

TEST_CASE("squared loss: value against the obvious loop, derivatives, of any labels") {
  const Tensor<double> outputs = random_tensor<double>(Shape::batch(5, 3), 1),
                       labels = random_tensor<double>(Shape::batch(5, 3), 2);
  Tape<double> tape;
  const double loss = nn::squared_loss(tape.leaf(outputs), tape.leaf(labels)).item();
  double expected = 0;
  for (Index n = 0; n < 5; ++n) {
    for (Index k = 0; k < 3; ++k) expected += std::pow(outputs(n, k) - (labels(n, k) - 1.0 / 3), 2) / (2 * 5);
  }
  CHECK(std::abs(loss - expected) <= 1e-14);
  check_operation([](std::span<const Var<double>> v) { return nn::squared_loss(v[0], v[1]); }, {outputs, labels});
  CHECK_THROWS_AS(nn::squared_loss(tape.leaf(outputs), tape.full(Shape::batch(5, 2), 0)), ShapeError);
}

TEST_CASE("squared loss: of a network's logits") {
  const nn::Mlp mlp({4, 3});
  Tape<double> tape;
  const auto theta = tape.leaf(random_tensor<double>(Shape{15}, 3)),
             x = tape.leaf(random_tensor<double>(Shape::batch(2, 4), 4)),
             y = tape.leaf(random_tensor<double>(Shape::batch(2, 3), 5));
  const double loss = nn::SquaredLoss{&mlp}(theta, x, y).item(), expected = nn::squared_loss(mlp(theta, x), y).item();
  CHECK(std::abs(loss - expected) <= 0);
}

}  // namespace
}  // namespace hypertape::testing
