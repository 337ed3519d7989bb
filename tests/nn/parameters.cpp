#include "hypertape/nn/parameters.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "support/compare.hpp"

namespace hypertape::testing {
namespace {

TEST_CASE("parameters: tensors one after the other, each a view of theta") {
  nn::Parameters layout;
  const nn::Parameter w = layout.add("weight", {2, 3}), b = layout.add("bias", {2});
  CHECK(layout.size() == 8);
  CHECK(layout.entries()[1].name == "bias");
  CHECK(layout.entries()[1].offset == 6);
  Tape<double> tape;
  const Var<double> theta = tape.leaf(Tensor<double>(Shape{8}, {0, 1, 2, 3, 4, 5, 6, 7}));
  const Var<double> weight = layout.get(theta, 0), bias = layout.get(theta, 1);
  CHECK(weight.shape() == Shape{2, 3});
  CHECK(weight.data() == theta.data());
  CHECK(bias.data() == theta.data() + 6);
  CHECK(w(theta).shape() == Shape{2, 3});
  CHECK(b(theta).data() == bias.data());
  CHECK(layout.get(theta, "bias").data() == bias.data());
  CHECK_THROWS_WITH_AS(b(tape.full(Shape{7}, 0)), "slice: (2) at offset 6 reaches past the 7 elements of (7)",
                       ShapeError);
  CHECK_THROWS_WITH_AS(layout.get(tape.full(Shape{9}, 0), 0), "Parameters: theta must be (8), got (9)", ShapeError);
}

TEST_CASE("parameters: a tensor that the layout has not") {
  nn::Parameters layout;
  layout.add("bias", {3});
  Tape<double> tape;
  const Var<double> theta = tape.leaf(Tensor<double>(Shape{3}));
  CHECK_THROWS_WITH_AS(layout.get(theta, 1), "Parameters: no tensor 1 among 1", ArgumentError);
}

TEST_CASE("parameters: a name that is unknown, or taken") {
  nn::Parameters layout;
  layout.add("weight", {2, 3});
  layout.add("bias", {2});
  Tape<double> tape;
  CHECK_THROWS_WITH_AS(layout.get(tape.full(Shape{8}, 0), "gamma"), "Parameters: no tensor gamma among weight, bias",
                       ArgumentError);
  CHECK_THROWS_WITH_AS(layout.add("bias", {2}), "Parameters: two tensors are named bias", ArgumentError);
  CHECK_THROWS_AS(layout.add("images", Shape::batch(2, 3)), ShapeError);
}

TEST_CASE("parameters: a gradient splits into tensors with names") {
  nn::Parameters layout;
  layout.add("weight", {2, 3});
  layout.add("bias", {2});
  const auto parts = layout.split(Tensor<double>(Shape{8}, {0, 1, 2, 3, 4, 5, 6, 7}));
  REQUIRE(parts.size() == 2);
  CHECK(parts[0].first == "weight");
  CHECK(equal(parts[0].second, Tensor<double>({2, 3}, {0, 1, 2, 3, 4, 5})));
  CHECK(parts[1].first == "bias");
  CHECK(equal(parts[1].second, Tensor<double>({2}, {6, 7})));
  CHECK_THROWS_AS(layout.split(Tensor<double>(Shape{9})), ShapeError);
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

TEST_CASE("parameters: a bias knows the fan-in of its weight") {
  nn::Parameters layout;
  const nn::Parameter weight = layout.add("weight", {5, 3, 2, 2}), bias = layout.add_bias("bias", weight);
  CHECK(bias.shape == Shape{5});
  CHECK(bias.offset == 60);
  CHECK(bias.fan_in == 12);
  CHECK(weight.fan_in == 0);
  CHECK(layout.size() == 65);
  CHECK_THROWS_WITH_AS(layout.add_bias("other", bias), "Parameters: other needs a weight (O, F, ...), bias is (5)",
                       ShapeError);
  CHECK_THROWS_WITH_AS(layout.add_bias("bias", weight), "Parameters: two tensors are named bias", ArgumentError);
}

TEST_CASE("parameters: named tensors of several shapes go in and out as one flat vector") {
  const nn::NamedTensors<double> tensors{{"weight", Tensor<double>(Shape{2, 3}, {1, 2, 3, 4, 5, 6})},
                                         {"bias", Tensor<double>(Shape{2}, {7, 8})},
                                         {"scale", Tensor<double>(Shape{}, {9})}};
  const nn::Parameters layout(tensors);
  CHECK(layout.size() == 9);
  const Tensor<double> theta = layout.join(tensors);
  for (Index i = 0; i < 9; ++i) CHECK(theta[i] == static_cast<double>(i + 1));
  const nn::NamedTensors<double> again = layout.split(theta);
  REQUIRE(again.size() == 3);
  CHECK(again[1].first == "bias");
  CHECK(again[0].second.shape() == Shape{2, 3});
  CHECK(again[2].second[0] == 9);
  CHECK(equal(layout.join<double>({tensors[2], tensors[0], tensors[1]}), theta));  // in any order

  CHECK_THROWS_WITH_AS(layout.join<double>({tensors[0], tensors[2]}), "Parameters: the tensor bias is missing",
                       ArgumentError);
  CHECK_THROWS_WITH_AS(layout.join<double>({tensors[0], tensors[1], tensors[1]}),
                       "Parameters: two tensors are named bias", ArgumentError);
  CHECK_THROWS_WITH_AS(layout.join<double>({{"gain", Tensor<double>()}}),
                       "Parameters: no tensor gain among weight, bias, scale", ArgumentError);
  CHECK_THROWS_WITH_AS(layout.join<double>({{"bias", Tensor<double>(Shape{3})}}), "Parameters: bias is (2), got (3)",
                       ShapeError);
  CHECK_THROWS_AS(nn::Parameters(nn::NamedTensors<double>{tensors[0], tensors[0]}), ArgumentError);
}

}  // namespace
}  // namespace hypertape::testing
