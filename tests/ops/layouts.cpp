#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "hypertape/core/row_major.hpp"
#include "hypertape/hypertape.hpp"
#include "support/random_tensor.hpp"

/// What every operation makes of operands in the other layout. scripts/api.py sees that none is missing.
namespace hypertape::testing {
namespace {

using Vars = std::vector<Var<double>>;

struct Case {
  std::string name;
  std::vector<Shape> operands;
  std::function<Var<double>(const Vars&)> operation;
  bool serves_both = false;  ///< gives the same elements for either layout, in place of an error
};

const Shape batch = Shape::batch(2, 3, 4, 4), weight{5, 3}, matrix = Shape::batch(2, 3), square_matrix{5, 5};

/// x + 9 I, in x's layout.
Var<double> diagonally_dominant(Var<double> x) {
  Tensor<double> added(x.shape());
  for (Index i = 0; i < 5; ++i) added(i, i) = 9;
  return x + x.tape().leaf(added);
}

template <class Function>
Case elementwise(const char* name, const Function& function) {
  return {name, {matrix}, [=](const Vars& v) { return function(v[0]); }, true};
}

using Unary = Var<double> (*)(Var<double>);
using Binary = Var<double> (*)(Var<double>, Var<double>);

Case of_two(const char* name, const Binary& function) {
  return {name, {matrix, matrix}, [=](const Vars& v) { return function(v[0], v[1]); }};
}

std::vector<Case> cases() {
  std::vector<Case> all = {
      elementwise("abs", abs<double>),
      elementwise("atan", atan<double>),
      elementwise("cos", cos<double>),
      elementwise("erf", erf<double>),
      elementwise("exp", exp<double>),
      elementwise("expm1", expm1<double>),
      elementwise("log", log<double>),
      elementwise("log1p", log1p<double>),
      elementwise("relu", relu<double>),
      elementwise("sigmoid", sigmoid<double>),
      elementwise("sign", sign<double>),
      elementwise("sin", sin<double>),
      elementwise("softplus", softplus<double>),
      elementwise("sqrt", sqrt<double>),
      elementwise("square", square<double>),
      elementwise("tan", tan<double>),
      elementwise("tanh", tanh<double>),
      elementwise("gelu", gelu<double>),
      elementwise("gelu_tanh", gelu_tanh<double>),
      elementwise("silu", silu<double>),
      elementwise("sum", Unary(sum<double>)),
      elementwise("mean", Unary(mean<double>)),
      elementwise("norm", norm<double>),
      elementwise("stop_gradient", stop_gradient<double>),
      elementwise("clamp", [](auto x) { return clamp(x, 0.7, 1.2); }),
      elementwise("elu", [](auto x) { return elu(x); }),
      elementwise("leaky_relu", [](auto x) { return leaky_relu(x); }),
      elementwise("pow", [](auto x) { return pow(x, 3); }),
      elementwise("broadcast_to",
                  [](auto x) {
                    return broadcast_to(x, {4, 2, 3});
                  }),
      elementwise("sum", [](auto x) { return sum(x, 1); }),
      elementwise("mean", [](auto x) { return mean(x, 0); }),
      elementwise("amax", [](auto x) { return amax(x, 1); }),
      elementwise("amin", [](auto x) { return amin(x, 1, true); }),
      elementwise("logsumexp", [](auto x) { return logsumexp(x, 0); }),
      elementwise("softmax", [](auto x) { return softmax(x, -1); }),
      elementwise("log_softmax", [](auto x) { return log_softmax(x, -1); }),
      elementwise("normalize", [](auto x) { return normalize(x, 0); }),
      elementwise("permute",
                  [](auto x) {
                    return permute(x, {1, 0});
                  }),
      elementwise("transpose", transpose<double>),
      elementwise("narrow", [](auto x) { return narrow(x, 1, 1, 2); }),
      elementwise("flip", [](auto x) { return flip(x, 0); }),
      elementwise("pad", [](auto x) { return pad(x, 1, 1, 2); }),
      elementwise("diagonal", diagonal<double>),
      elementwise("diagonal_matrix", diagonal_matrix<double>),
      elementwise("split",
                  [](auto x) {
                    return split(x, 1, {1, 2})[1];
                  }),
      elementwise("index_select",
                  [](auto x) {
                    return index_select(x, 1, {2, 0});
                  }),
      elementwise("gather",
                  [](auto x) {
                    return gather(x, 0, std::vector<Index>{1, 0, 1}, {1, 3});
                  }),
      elementwise("scatter_add",
                  [](auto x) {
                    return scatter_add(x, 0, std::vector<Index>{1, 0, 1, 0, 1, 0}, {2, 3});
                  }),
      of_two("maximum", maximum<double>),
      of_two("minimum", minimum<double>),
      of_two("atan2", Binary(atan2<double>)),
      of_two("is_equal", is_equal<double>),
      of_two("is_greater", is_greater<double>),
      of_two("is_less", is_less<double>),
      of_two("pow", [](auto x, auto y) { return pow(x, y); }),
      of_two("concatenate",
             [](auto x, auto y) {
               return concatenate({x, y}, 1);
             }),
      of_two("sigmoid_cross_entropy", sigmoid_cross_entropy<double>),
      of_two("mean_absolute_error", mean_absolute_error<double>),
      of_two("huber_loss", [](auto x, auto y) { return huber_loss(x, y); }),
      of_two("dropout", [](auto x, auto y) { return dropout(x, y, 0.5); }),
      {"where", {matrix, matrix, matrix}, [](const Vars& v) { return where(v[0], v[1], v[2]); }},
      {"layer_norm", {matrix, Shape{3}, Shape{3}}, [](const Vars& v) { return layer_norm(v[0], v[1], v[2]); }, true},
      {"group_norm", {batch, Shape{3}, Shape{3}}, [](const Vars& v) { return group_norm(v[0], 3, v[1], v[2]); }},
      {"batch_norm",
       {batch, Shape{3}, Shape{3}},
       [](const Vars& v) { return batch_norm(v[0], channel_statistics(v[0]), v[1], v[2]); },
       true},
      {"channel_statistics", {batch}, [](const Vars& v) { return channel_statistics(v[0]).variance; }, true},
      {"global_average_pool2d", {batch}, [](const Vars& v) { return global_average_pool2d(v[0]); }, true},
      {"conv2d_transpose", {batch, Shape{3, 2, 3, 3}}, [](const Vars& v) { return conv2d_transpose(v[0], v[1]); }},
      {"stack_along",
       {weight, weight},
       [](const Vars& v) {
         return stack_along({v[0], v[1]});
       }},
      {"matmul", {weight, Shape{3, 2}}, [](const Vars& v) { return matmul(v[0], v[1]); }},
      {"lower_triangle", {square_matrix}, [](const Vars& v) { return lower_triangle(v[0]); }},
      {"upper_triangle", {square_matrix}, [](const Vars& v) { return upper_triangle(v[0]); }},
      {"cholesky", {square_matrix}, [](const Vars& v) { return cholesky(diagonally_dominant(v[0])); }},
      {"solve", {square_matrix, weight}, [](const Vars& v) { return solve(diagonally_dominant(v[0]), v[1]); }},
      {"solve_triangular", {square_matrix, weight}, [](const Vars& v) { return solve_triangular(v[0], v[1]); }},
      {"inverse", {square_matrix}, [](const Vars& v) { return inverse(diagonally_dominant(v[0])); }},
      {"log_determinant", {square_matrix}, [](const Vars& v) { return log_determinant(diagonally_dominant(v[0])); }},
      {"operator-", {matrix}, [](const Vars& v) { return 2.0 - -v[0]; }, true},
      {"operator+", {matrix, matrix}, [](const Vars& v) { return v[0] + v[1]; }},
      {"operator*", {matrix, matrix}, [](const Vars& v) { return v[0] * v[1]; }},
      {"operator/", {matrix, matrix}, [](const Vars& v) { return v[0] / v[1]; }},
      {"scale", {Shape{}, matrix}, [](const Vars& v) { return scale(v[0], v[1]); }, true},
      {"fill", {Shape{}}, [](const Vars& v) { return fill(v[0], matrix); }, true},
      {"dot", {matrix, matrix}, [](const Vars& v) { return dot(v[0], v[1]); }},
      {"mean_squared_error", {matrix, matrix}, [](const Vars& v) { return mean_squared_error(v[0], v[1]); }},
      {"linear", {matrix, weight, Shape{5}}, [](const Vars& v) { return linear(v[0], v[1], v[2]); }},
      {"conv2d_max_pool_relu",
       {batch, Shape{5, 3, 3, 3}, Shape{5}},
       [](const Vars& v) { return conv2d_max_pool_relu(v[0], v[1], v[2]); }},
      {"conv2d", {batch, Shape{5, 3, 3, 3}, Shape{5}}, [](const Vars& v) { return conv2d(v[0], v[1], v[2]); }},
      {"max_pool2d", {batch}, [](const Vars& v) { return max_pool2d(v[0]); }},
      {"average_pool2d", {batch}, [](const Vars& v) { return average_pool2d(v[0]); }},
      {"instance_norm", {batch, Shape{3}, Shape{3}}, [](const Vars& v) { return instance_norm(v[0], v[1], v[2]); }},
      {"local_response_norm", {batch}, [](const Vars& v) { return local_response_norm(v[0]); }},
      {"sum_per_channel", {batch}, [](const Vars& v) { return sum_per_channel(v[0]); }},
      {"sum_over_features", {batch}, [](const Vars& v) { return sum_over_features(v[0]); }},
      {"repeat_per_channel", {Shape{3}}, [](const Vars& v) { return repeat_per_channel(v[0], batch); }, true},
      {"repeat_for_features", {Shape{2}}, [](const Vars& v) { return repeat_for_features(v[0], batch); }, true},
      {"log_softmax", {matrix}, [](const Vars& v) { return log_softmax(v[0]); }},
      {"softmax", {matrix}, [](const Vars& v) { return softmax(v[0]); }},
      {"softmax_cross_entropy", {matrix, matrix}, [](const Vars& v) { return softmax_cross_entropy(v[0], v[1]); }},
      {"reshape", {batch}, [](const Vars& v) { return reshape(v[0], {2, 48}); }},
      {"slice", {matrix}, [](const Vars& v) { return v[0].slice(2, Shape::batch(2, 2)); }},
      {"slice", {weight}, [](const Vars& v) { return v[0].slice(3, {3, 2}); }},
      {"relayout", {matrix}, [](const Vars& v) { return relayout(v[0], Layout::row_major); }, true},
  };
  return all;
}

/// The layout that stands `turn` places after this one.
Layout other(Layout layout, unsigned turn) {
  constexpr Layout all[] = {Layout::row_major, Layout::samples_innermost, Layout::channels_innermost};
  return all[(static_cast<unsigned>(layout) + turn) % 3];
}

/// Digit i of a number in base 3: how operand i is turned.
unsigned turn_of(unsigned turns, std::size_t i) {
  for (; i > 0; --i) turns /= 3;
  return turns % 3;
}

/// The elements by their indices, in C order; nothing where the operation refuses.
std::optional<std::vector<double>> elements(const Case& entry, unsigned turns) {
  Tape<double> tape;
  Vars operands;
  for (std::size_t i = 0; i < entry.operands.size(); ++i) {
    const Tensor<double> right = positive_tensor<double>(entry.operands[i], i + 1);
    operands.push_back(tape.leaf(relayout(right, other(right.shape().layout(), turn_of(turns, i)))));
  }
  try {
    return to_row_major(entry.operation(operands).value());
  } catch (const ShapeError& error) {
    const std::string what = error.what();
    CHECK((what.find("batch") != std::string::npos || what.find("innermost") != std::string::npos));
    return std::nullopt;
  }
}

TEST_CASE("layouts: every operation refuses the wrong one, or gives the same elements") {
  for (const Case& entry : cases()) {
    CAPTURE(entry.name);
    const auto expected = elements(entry, 0);
    REQUIRE(expected);
    for (unsigned turns = 1; turns < std::pow(3, entry.operands.size()); ++turns) {
      CAPTURE(turns);
      bool differs = false;
      for (std::size_t i = 0; i < entry.operands.size(); ++i) {
        const Shape& shape = entry.operands[i];
        differs = differs || shape != shape.with_layout(other(shape.layout(), turn_of(turns, i)));
      }
      const auto got = elements(entry, turns);
      if (!differs || entry.serves_both) REQUIRE(got);
      if (!got) continue;
      REQUIRE(got->size() == expected->size());
      for (std::size_t i = 0; i < got->size(); ++i) CHECK(std::abs((*got)[i] - (*expected)[i]) <= 1e-14);
    }
  }
}

TEST_CASE("layouts: weights read from a vector are no batch") {
  Tape<double> tape;
  const Var<double> theta = tape.leaf(Tensor<double>(Shape{6}, {1, 2, 3, 4, 5, 6}));
  const Var<double> w = reshape(theta, {2, 3});
  CHECK(to_row_major(w.value()) == std::vector<double>{1, 2, 3, 4, 5, 6});
  CHECK_THROWS_WITH_AS(sum_over_features(w),
                       "sum_over_features: x must be a batch, with its samples innermost in memory; (2, 3) is "
                       "row-major: make it with Shape::batch, or call relayout",
                       ShapeError);
  CHECK_THROWS_AS(softmax(w), ShapeError);
  const Var<double> x = relayout(w, Layout::samples_innermost);
  CHECK(to_row_major(sum_over_features(x).value()) == std::vector<double>{6, 15});
  CHECK(to_row_major(linear(x, w).value()) == std::vector<double>{14, 32, 32, 77});
  CHECK_THROWS_AS(linear(x, x), ShapeError);
}

TEST_CASE("layouts: of images with channels innermost, whole samples can be taken") {
  Tape<double> tape;
  const Tensor<double> images = random_tensor<double>(Shape{3, 2, 2, 2}.with_layout(Layout::channels_innermost), 1);
  const Var<double> x = tape.leaf(images), two = x.slice(8, {2, 2, 2, 2});
  CHECK(two.shape().layout() == Layout::channels_innermost);
  for (Index n = 0; n < 2; ++n) {
    for (Index i = 0; i < 8; ++i)
      CHECK(two.value()(n, i / 4, i / 2 % 2, i % 2) == images(n + 1, i / 4, i / 2 % 2, i % 2));
  }
  CHECK_THROWS_WITH_AS(reshape(x, {3, 8}), doctest::Contains("only whole samples can be taken, got (3, 8)"),
                       ShapeError);
  CHECK_THROWS_AS(x.slice(4, {2, 2, 2, 2}), ShapeError);
  CHECK_THROWS_AS(x.slice(0, {3, 1, 2, 2}), ShapeError);
}

TEST_CASE("layouts: a batch is not read in another order") {
  Tape<double> tape;
  const Var<double> x = tape.leaf(Tensor<double>(Shape::batch(2, 6), 1));
  CHECK(reshape(x, {2, 3, 2}).shape() == Shape::batch(2, 3, 2));
  CHECK(x.slice(4, {2, 1}).shape() == Shape{2, 1});  // the third feature
  CHECK(x.slice(5, {}).shape() == Shape{});
  CHECK_THROWS_AS(reshape(x, {3, 4}), ShapeError);
  CHECK_THROWS_AS(reshape(x, {12}), ShapeError);
  CHECK_THROWS_AS(x.slice(1, {2, 2}), ShapeError);
  CHECK_THROWS_AS(reshape(relayout(x, Layout::row_major), Shape::batch(3, 4)), ShapeError);
}

}  // namespace
}  // namespace hypertape::testing
