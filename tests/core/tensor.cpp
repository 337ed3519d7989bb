#include "hypertape/core/tensor.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <vector>

#include "support/compare.hpp"

using namespace hypertape;
using namespace hypertape::testing;

TEST_CASE_TEMPLATE("Tensor: filled, or with given values in memory order", T, float, double) {
  CHECK(Tensor<T>().shape() == Shape{});
  CHECK(equal(Tensor<T>({2, 2}), Tensor<T>({2, 2}, {0, 0, 0, 0})));
  CHECK(equal(Tensor<T>({2}, T(7)), Tensor<T>({2}, {7, 7})));
  CHECK(equal(Tensor<T>({1}, {7}), Tensor<T>({1}, T(7))));
}

TEST_CASE("Tensor: another number of values than the shape has is an error") {
  CHECK_THROWS_WITH_AS(Tensor<float>({2, 3}, {1, 2}), "Tensor: shape (2, 3) has 6 elements, got 2", ShapeError);
}

TEST_CASE("Tensor: a batch has samples innermost, then columns, rows and channels") {
  const Shape shape = Shape::batch(2, 3, 4, 5);
  Tensor<double> batch(shape);
  Index offset = 0;
  for (Index c = 0; c < 3; ++c) {
    for (Index h = 0; h < 4; ++h) {
      for (Index w = 0; w < 5; ++w) {
        for (Index n = 0; n < 2; ++n, ++offset) {
          CHECK(hypertape::detail::offset_of(shape, n, c, h, w) == offset);
          batch(n, c, h, w) = static_cast<double>(offset);
          CHECK(batch[offset] == static_cast<double>(offset));
        }
      }
    }
  }
}

TEST_CASE("Tensor: a parameter is row-major") {
  const Tensor<double> weight({2, 3}, {1, 2, 3, 4, 5, 6});
  CHECK(weight(0, 2) == 3);
  CHECK(weight(1, 0) == 4);
  CHECK(weight.row_major_matrix()(1, 2) == 6);
  CHECK_THROWS_WITH_AS(weight.matrix(),
                       "Tensor::matrix: the tensor must be a batch, with its samples innermost in memory; (2, 3) is "
                       "row-major: make it with Shape::batch, or call relayout",
                       ShapeError);
  CHECK_THROWS_WITH_AS(Tensor<double>(Shape::batch(2, 3)).row_major_matrix(),
                       "Tensor::row_major_matrix: the tensor must be row-major; batch (2, 3) has its samples innermost "
                       "in memory: make it with Shape{...}, or call relayout",
                       ShapeError);
  CHECK(Tensor<double>(Shape::batch(1, 3), 7.).row_major_matrix()(0, 2) == 7);  // either layout says the same
}

TEST_CASE("Tensor: from Eigen's vectors, matrices of either order and expressions") {
  Eigen::MatrixXd columns(2, 3);
  columns << 1, 2, 3, 4, 5, 6;
  const Eigen::Matrix<double, 2, 3, Eigen::RowMajor> rows = columns;
  const Tensor<double> batch(columns), parameter(rows);
  CHECK(batch.shape() == Shape::batch(2, 3));
  CHECK(parameter.shape() == Shape{2, 3});
  CHECK(parameter[1] == 2);
  for (Index i = 0; i < 2; ++i) {
    for (Index j = 0; j < 3; ++j) {
      CHECK(batch(i, j) == columns(i, j));
      CHECK(parameter(i, j) == columns(i, j));
    }
  }
  CHECK(equal(Tensor<double>(2 * columns.col(1)), Tensor<double>({2}, {4, 10})));
  CHECK(equal(Tensor<double>(columns.row(1)), Tensor<double>({3}, {4, 5, 6})));
  CHECK(equal(Tensor<double>(columns.row(1).array() * 2), Tensor<double>({3}, {8, 10, 12})));
  CHECK(equal(Tensor<double>(columns * columns.row(0).transpose()), Tensor<double>({2}, {14, 32})));
  CHECK(Tensor<double>(columns.topLeftCorner(2, 2)).shape() == Shape::batch(2, 2));
  CHECK_THROWS_AS(Tensor<double>(Eigen::MatrixXd(0, 3)), ShapeError);
}

TEST_CASE_TEMPLATE("Tensor: values start at a cache line", T, float, double) {
  for (Index size = 1; size < 40; ++size) {
    const Tensor<T> tensor(Shape{size});
    CHECK(reinterpret_cast<std::uintptr_t>(tensor.data()) % hypertape::detail::alignment == 0);
  }
}

TEST_CASE("Tensor: matrix() views a batch as samples by features") {
  Tensor<double> batch(Shape::batch(2, 3), {1, 2, 3, 4, 5, 6});
  CHECK(batch.matrix().rows() == 2);
  CHECK(batch.matrix().cols() == 3);
  batch.matrix()(1, 2) = 60;
  CHECK(batch(1, 2) == 60);
  const Tensor<double> images(Shape::batch(2, 3, 4, 5));
  CHECK(images.matrix().cols() == 60);
  CHECK(images.matrix().data() == images.data());
}

TEST_CASE("Tensor: all_finite sees NaN and infinities") {
  Tensor<float> tensor(Shape{5}, 1.0f);
  CHECK(tensor.all_finite());
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
    tensor.fill(0);
    tensor[4] = bad;
    CHECK(!tensor.all_finite());
  }
}

TEST_CASE("samples: some samples of a batch, with all their features") {
  const Tensor<double> batch(Shape::batch(3, 2), {1, 2, 3, 10, 20, 30});
  CHECK(equal(samples(batch, 1, 2), Tensor<double>(Shape::batch(2, 2), {2, 3, 20, 30})));
  CHECK(equal(samples(batch, 0, 3), batch));
}

TEST_CASE("samples: outside of the batch is an error") {
  const Tensor<double> batch(Shape::batch(3, 2));
  CHECK_THROWS_WITH_AS(samples(batch, 1, 3), "samples: cannot take 3 samples from index 1 of a batch of 3 samples",
                       ArgumentError);
  CHECK_THROWS_AS(samples(batch, -1, 1), ArgumentError);
  CHECK_THROWS_AS(samples(batch, 0, 0), ArgumentError);
  constexpr Index largest = (std::numeric_limits<Index>::max)();
  CHECK_THROWS_AS(samples(batch, 1, largest), ArgumentError);
  CHECK_THROWS_AS(samples(batch, largest, largest), ArgumentError);
  Tensor<double> whole = batch;
  CHECK_THROWS_WITH_AS(
      set_samples(whole, largest, batch),
      doctest::Contains("set_samples: cannot write 3 samples at index 9223372036854775807 of a batch of 3 samples"),
      ArgumentError);
}

TEST_CASE("cast: converts every value, and keeps the shape") {
  CHECK(equal(cast<double>(Tensor<float>({2}, {0.5f, -3})), Tensor<double>({2}, {0.5, -3})));
  CHECK(equal(cast<float>(Tensor<double>({1}, {0.1})), Tensor<float>({1}, {0.1f})));
}
