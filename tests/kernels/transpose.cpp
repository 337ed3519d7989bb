#include "hypertape/kernels/transpose.hpp"

#include <doctest/doctest.h>

#include "support/check_kernel.hpp"

namespace hypertape::testing {
namespace {

TEST_CASE_TEMPLATE("transpose_matrix: any size, within larger matrices", T, float, double) {
  for (const Index rows : {1, 2, 3, 4, 5, 7, 8, 9, 16, 23}) {
    for (const Index columns : {1, 2, 3, 4, 5, 8, 11, 16, 25}) {
      for (const Index more : {0, 3}) {
        CAPTURE(rows);
        CAPTURE(columns);
        const Tensor<T> in = whole_numbers<T>(Shape{rows, columns + more}, 1);
        Tensor<T> out(Shape{columns, rows + more}, T(-99)), expected = out;
        for (Index r = 0; r < rows; ++r) {
          for (Index c = 0; c < columns; ++c) expected[c * (rows + more) + r] = in[r * (columns + more) + c];
        }
        kernels::transpose_matrix(rows, columns, in.data(), columns + more, out.data(), rows + more);
        CHECK(equal(out, expected));
        for (Index r = 0; r < rows; ++r) {
          for (Index c = 0; c < columns; ++c) expected[c * (rows + more) + r] *= 2;
        }
        kernels::transpose_matrix(rows, columns, in.data(), columns + more, out.data(), rows + more,
                                  kernels::OutputMode::accumulate);
        CHECK(equal(out, expected));
      }
    }
  }
}

}  // namespace
}  // namespace hypertape::testing
