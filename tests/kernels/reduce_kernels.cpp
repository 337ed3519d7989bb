#include "hypertape/kernels/reduce_kernels.hpp"

#include <doctest/doctest.h>

#include "support/compare.hpp"
#include "support/random_tensor.hpp"

using namespace hypertape;
using namespace hypertape::testing;

TEST_CASE_TEMPLATE("reduce: sum and dot of every length up to 200", T, float, double) {
  for (Index count = 1; count <= 200; ++count) {
    const Tensor<T> a = whole_numbers<T>({count}, 1), b = whole_numbers<T>({count}, 2);
    T sum = 0, dot = 0;
    for (Index i = 0; i < count; ++i) {
      sum += a[i];
      dot += a[i] * b[i];
    }
    CHECK(kernels::sum(count, a.data()) == sum);
    CHECK(kernels::dot(count, a.data(), b.data()) == dot);
  }
  CHECK(kernels::sum<T>(0, nullptr) == 0);
}

TEST_CASE("reduce: a long sum in float loses little") {
  // There are at least 16 partial sums, each below 6251, where half a unit in the last place is 2^-12: no step rounds
  // by more than 2.5e-3 of its 0.1. One running sum would be off by 1e-2.
  const Tensor<float> values(Shape{1000000}, 0.1f);
  const double exact = 1e6 * static_cast<double>(0.1f);
  CHECK(std::abs(static_cast<double>(kernels::sum(values.size(), values.data())) - exact) <= 2.5e-3 * exact);
}

TEST_CASE_TEMPLATE("reduce: row and column sums", T, float, double) {
  for (const Index rows : {1, 3, 8, 17}) {
    for (const Index columns : {1, 2, 16, 33, 100}) {
      const Tensor<T> in = whole_numbers<T>({rows * columns});
      Tensor<T> by_row(Shape{rows}, T(77)), by_column(Shape{rows}, T(77)), row_sums(Shape{rows}),
          column_sums(Shape{rows});
      for (Index r = 0; r < rows; ++r) {
        for (Index c = 0; c < columns; ++c) {
          row_sums[r] += in[r * columns + c];
          column_sums[r] += in[c * rows + r];
        }
      }
      kernels::row_sums(rows, columns, in.data(), by_row.data());
      kernels::column_sums(rows, columns, in.data(), by_column.data());
      CHECK(equal(by_row, row_sums));
      CHECK(equal(by_column, column_sums));
    }
  }
}
