#include "hypertape/core/row_major.hpp"

#include <doctest/doctest.h>

#include <vector>

#include "support/check_error.hpp"

using namespace hypertape;
using namespace hypertape::testing;

TEST_CASE_TEMPLATE("row_major: C order is w fastest, then h, c, n", T, float, double) {
  const Shape shape = Shape::batch(2, 3, 4, 5);
  Tensor<T> batch(shape);
  std::vector<T> expected;
  for (Index n = 0; n < 2; ++n) {
    for (Index c = 0; c < 3; ++c) {
      for (Index h = 0; h < 4; ++h) {
        for (Index w = 0; w < 5; ++w) {
          const auto value = static_cast<T>(1000 * n + 100 * c + 10 * h + w);
          batch(n, c, h, w) = value;
          expected.push_back(value);
        }
      }
    }
  }
  CHECK(to_row_major(batch) == expected);
  const Tensor<T> back = from_row_major(shape, expected);
  CHECK(back.shape() == shape);
  CHECK(std::equal(back.values().begin(), back.values().end(), batch.values().begin()));
}

TEST_CASE("row_major: matrices, single samples and parts of an array") {
  const std::vector<float> values{1, 2, 3, 4, 5, 6};
  CHECK(from_row_major(Shape::batch(2, 3), values)(1, 0) == 4);
  CHECK(from_row_major(Shape{2, 3}, values)(1, 0) == 4);
  CHECK(to_row_major(Tensor<float>(Shape{2, 3}, std::span<const float>(values))) == values);
  CHECK(to_row_major(Tensor<float>(Shape{1, 6}, std::span<const float>(values))) == values);
  CHECK(from_row_major(Shape{1, 2}, std::span(values).subspan(4))(0, 1) == 6);
  CHECK(to_row_major(Tensor<float>(Shape{}, {7})) == std::vector<float>{7});
}

TEST_CASE("relayout: the elements stay where they are, the memory is another") {
  const Tensor<double> parameter({2, 3}, {1, 2, 3, 4, 5, 6});
  const Tensor<double> batch = relayout(parameter, Layout::samples_innermost);
  CHECK(batch.shape() == Shape::batch(2, 3));
  CHECK(batch[1] == 4);
  for (Index n = 0; n < 2; ++n) {
    for (Index f = 0; f < 3; ++f) CHECK(batch(n, f) == parameter(n, f));
  }
  const Tensor<double> back = relayout(batch, Layout::row_major);
  CHECK(back.shape() == parameter.shape());
  CHECK(std::equal(back.values().begin(), back.values().end(), parameter.values().begin()));
}

TEST_CASE("row_major: another number of values than the shape has is an error") {
  const std::vector<float> values(5);
  check_error<ShapeError>([&] { from_row_major(Shape{2, 3}, values); }, {"Tensor", "(2, 3)", "6", "got 5"});
}
