#include "hypertape/nn/parameters.hpp"

#include <doctest/doctest.h>

#include <algorithm>

namespace hypertape::testing {
namespace {

TEST_CASE("parameters: tensors one after the other, each a view of theta") {
  nn::Parameters layout;
  CHECK(layout.add("weight", {2, 3}) == 0);
  CHECK(layout.add("bias", {2}) == 1);
  CHECK(layout.size() == 8);
  CHECK(layout.entries()[1].name == "bias");
  CHECK(layout.entries()[1].offset == 6);
  Tape<double> tape;
  const Var<double> theta = tape.leaf(Tensor<double>(Shape{8}, {0, 1, 2, 3, 4, 5, 6, 7}));
  const Var<double> weight = layout.get(theta, 0), bias = layout.get(theta, 1);
  CHECK(weight.shape() == Shape{2, 3});
  CHECK(weight.data() == theta.data());
  CHECK(bias.data() == theta.data() + 6);
  CHECK_THROWS_WITH_AS(layout.get(tape.full(Shape{9}, 0), 0), "Parameters: theta must be (8), got (9)", ShapeError);
}

TEST_CASE("parameters: a tensor that the layout has not") {
  nn::Parameters layout;
  layout.add("bias", {3});
  Tape<double> tape;
  const Var<double> theta = tape.leaf(Tensor<double>(Shape{3}));
  CHECK_THROWS_WITH_AS(layout.get(theta, 1), "Parameters: no tensor 1 among 1", ArgumentError);
}

TEST_CASE("parameters: a vector may start elsewhere, a matrix may not") {
  nn::Parameters layout;
  layout.add("gamma", {3}, 1);
  Random random(1);
  const auto theta = layout.initialize<float>(nn::Initializer::xavier_normal, 1, random);
  CHECK(std::all_of(theta.values().begin(), theta.values().end(), [](float value) { return value == 1; }));
  CHECK_THROWS_WITH_AS(layout.add("weight", {3, 4}, 1), "Parameters: only a vector can start at 1, weight is (3, 4)",
                       ShapeError);
}

}  // namespace
}  // namespace hypertape::testing
