#include "hypertape/kernels/conv2d_geometry.hpp"

#include <doctest/doctest.h>

using namespace hypertape;
using kernels::conv2d_geometry;

TEST_CASE("Conv2dGeometry: output size with stride and padding") {
  const auto g = conv2d_geometry(Shape::batch(10, 3, 28, 30), {6, 3, 5, 5}, 2, 1);
  CHECK(g.output() == Shape::batch(10, 6, 13, 14));
  CHECK(g.input() == Shape::batch(10, 3, 28, 30));
  CHECK(g.weight() == Shape{6, 3, 5, 5});
  CHECK(g.multiply_adds() == 10 * 6 * 13 * 14 * 3 * 5 * 5);
}

TEST_CASE("Conv2dGeometry: the kernel may be as large as the padded image") {
  CHECK(conv2d_geometry({1, 1, 3, 3}, {1, 1, 5, 5}, 1, 1).output() == Shape{1, 1, 1, 1});
}

TEST_CASE("conv2d_geometry: each rule has its error") {
  CHECK_THROWS_WITH_AS(conv2d_geometry({3, 28, 28}, {6, 3, 5, 5}, 1, 0),
                       "conv2d: input (3, 28, 28) and weight (6, 3, 5, 5) do not fit: the input must be (N, C, H, W)",
                       ShapeError);
  CHECK_THROWS_WITH_AS(
      conv2d_geometry({1, 3, 28, 28}, {6, 3, 5, 4}, 1, 0),
      "conv2d: input (1, 3, 28, 28) and weight (6, 3, 5, 4) do not fit: the weight must be (O, C, K, K)", ShapeError);
  CHECK_THROWS_WITH_AS(conv2d_geometry({1, 3, 28, 28}, {6, 1, 5, 5}, 1, 0),
                       "conv2d: input (1, 3, 28, 28) and weight (6, 1, 5, 5) do not fit: the input has 3 channels, the "
                       "weight reads 1",
                       ShapeError);
  CHECK_THROWS_WITH_AS(conv2d_geometry({1, 3, 28, 28}, {6, 3, 5, 5}, 0, 0),
                       "conv2d: input (1, 3, 28, 28) and weight (6, 3, 5, 5) do not fit: the stride must be at least "
                       "1, got 0",
                       ShapeError);
  CHECK_THROWS_WITH_AS(conv2d_geometry({1, 3, 28, 28}, {6, 3, 5, 5}, 1, -1),
                       "conv2d: input (1, 3, 28, 28) and weight (6, 3, 5, 5) do not fit: the padding cannot be "
                       "negative, got -1",
                       ShapeError);
  CHECK_THROWS_WITH_AS(conv2d_geometry({1, 3, 28, 2}, {6, 3, 5, 5}, 1, 1),
                       "conv2d: input (1, 3, 28, 2) and weight (6, 3, 5, 5) do not fit: the kernel is larger than the "
                       "image padded by 1",
                       ShapeError);
}
