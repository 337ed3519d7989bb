#include "hypertape/ops/pool2d.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "hypertape/ops/arithmetic.hpp"
#include "support/check_operation.hpp"

using namespace hypertape;
using namespace hypertape::testing;

namespace {

const std::vector<Pool2dOptions> pool_options = {{2, 0, 0}, {3, 2, 0}, {2, 1, 1}, {3, 0, 1}, {1, 2, 0}, {2, 3, 0}};

}  // namespace

TEST_CASE_TEMPLATE("pool2d: values of a window of two by two", T, float, double) {
  Tape<T> tape;
  const Var<T> x = tape.leaf(Tensor<T>({1, 1, 2, 4}, {1, 5, 2, 0, -3, 4, 7, -1}));
  CHECK(equal(max_pool2d(x).value(), Tensor<T>({1, 1, 1, 2}, {5, 7})));
  CHECK(equal(average_pool2d(x).value(), Tensor<T>({1, 1, 1, 2}, {1.75, 2})));
}

TEST_CASE_TEMPLATE("pool2d: windows that overlap and reach into the padding", T, float, double) {
  Tape<T> tape;
  const Var<T> x = tape.leaf(Tensor<T>({1, 1, 2, 2}, {-1, -2, -3, -8}));
  CHECK(equal(max_pool2d(x, {2, 1, 1}).value(), Tensor<T>({1, 1, 3, 3}, {-1, -1, -2, -1, -1, -2, -3, -3, -8})));
  CHECK(equal(average_pool2d(x, {2, 2, 1}).value(), Tensor<T>({1, 1, 2, 2}, {-0.25, -0.5, -0.75, -2})));
}

TEST_CASE("pool2d: derivatives for every window, stride and padding") {
  const Tensor<double> x = random_tensor<double>(Shape::batch(2, 2, 5, 4));
  for (const Pool2dOptions& options : pool_options) {
    CAPTURE(options.size);
    CAPTURE(options.stride);
    CAPTURE(options.padding);
    check_operation([&](auto v) { return max_pool2d(v[0], options); }, {x});
    check_operation([&](auto v) { return max_pool2d(v[0] * v[0], options); }, {x});
    check_operation([&](auto v) { return average_pool2d(v[0], options); }, {x});
  }
}

TEST_CASE("max_pool2d: equal values send the gradient to the first in row-major order, in both modes") {
  Tape<double> tape;
  const Var<double> x = tape.leaf(Tensor<double>({1, 1, 2, 4}, {0, 3, 5, 5, 3, 3, 5, 5}));
  const Var<double> y = max_pool2d(x);
  CHECK(equal(gradient(sum(y), x).value(), Tensor<double>({1, 1, 2, 4}, {0, 1, 1, 0, 0, 0, 0, 0})));
  const Var<double> direction = tape.leaf(Tensor<double>({1, 1, 2, 4}, {1, 2, 3, 4, 5, 6, 7, 8}));
  CHECK(equal(jvp(y, x, direction).value(), Tensor<double>({1, 1, 1, 2}, {2, 3})));
}

TEST_CASE("max_pool2d: keeps NaN") {
  Tape<float> tape;
  Tensor<float> image({1, 1, 2, 4}, 1);
  image[5] = std::numeric_limits<float>::quiet_NaN();
  const Tensor<float> y = max_pool2d(tape.leaf(image)).value();
  CHECK(std::isnan(y[0]));
  CHECK(y[1] == 1);
}

TEST_CASE("pool2d: shapes that do not fit name the operation") {
  Tape<double> tape;
  const Var<double> x = tape.full(Shape::batch(2, 3, 4, 1), 0);
  CHECK_THROWS_WITH_AS(
      max_pool2d(x),
      "max_pool2d: input batch (2, 3, 4, 1) with windows of 2, stride 2, padding 0: the window is larger "
      "than the padded image",
      ShapeError);
  CHECK_THROWS_WITH_AS(
      average_pool2d(tape.full(Shape::batch(2, 3), 0)),
      "average_pool2d: input batch (2, 3) with windows of 2, stride 2, padding 0: the input must be (N, C, "
      "H, W)",
      ShapeError);
}

TEST_CASE_TEMPLATE("pool2d: windows and strides of any size give the right value or an error", T, float, double) {
  constexpr Index largest = std::numeric_limits<Index>::max();
  Tape<T> tape;
  const Var<T> x = tape.leaf(Tensor<T>({1, 1, 1, 1}, {3}));
  for (const Index half : {Index{1} << 31, Index{1} << 32, largest / 4, largest / 2}) {
    CAPTURE(half);
    const Pool2dOptions around{2 * half + 1, largest, half};  // one window fits: the pixel in the middle of padding
    const T side = static_cast<T>(2 * half + 1);
    const Var<T> y = average_pool2d(x, around);
    CHECK(y.shape() == Shape{1, 1, 1, 1});
    CHECK(y.item() == 3 / (side * side));
    CHECK(gradient(y, x).item() == 1 / (side * side));
    CHECK(max_pool2d(x, around).item() == 3);
    CHECK_THROWS_AS(average_pool2d(x, {.size = half}), ShapeError);
    CHECK_THROWS_AS(max_pool2d(x, {.size = half}), ShapeError);
    CHECK_THROWS_AS(average_pool2d(x, {.size = 2, .stride = 1, .padding = half}), ShapeError);
    CHECK_THROWS_AS(max_pool2d(x, {.size = -half, .stride = -half, .padding = -half}), ShapeError);
    CHECK(max_pool2d(x, {.size = 1, .stride = half}).item() == 3);
  }
  CHECK_THROWS_AS(average_pool2d(x, {.size = largest, .stride = 1, .padding = largest}), ShapeError);
}

TEST_CASE_TEMPLATE("average_pool2d: the mean of equal values is that value, for every size of window", T, float,
                   double) {
  Tape<T> tape;
  for (Index size = 1; size <= 60; ++size) {
    CAPTURE(size);
    CHECK(average_pool2d(tape.full({1, 1, size, size}, 1), {.size = size}).item() == 1);
  }
}
