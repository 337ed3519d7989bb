#include "hypertape/kernels/matrix.hpp"

#include <doctest/doctest.h>

#include "support/check_kernel.hpp"

using namespace hypertape;
using namespace hypertape::testing;
using kernels::OutputMode;

namespace {

template <class T>
Tensor<T> started(OutputMode mode, const Tensor<T>& before) {
  return mode == OutputMode::accumulate ? before : Tensor<T>(before.shape());
}

template <class T>
void check_multiply_transposed(Index rows, Index columns, Index length) {
  // Whole numbers: the sums are exact, so their bits do not depend on the order.
  const Tensor<T> a = whole_numbers<T>(Shape{rows, length}, 1), b = whole_numbers<T>(Shape{columns, length}, 2);
  const Tensor<T> c = whole_numbers<T>(Shape{rows, length}, 3), d = whole_numbers<T>(Shape{columns, length}, 4);
  const Tensor<T> before = whole_numbers<T>(Shape{rows, columns}, 5);
  for (const OutputMode mode : {OutputMode::write, OutputMode::accumulate}) {
    Tensor<T> one = started(mode, before), two = one;
    for (Index r = 0; r < rows; ++r) {
      for (Index q = 0; q < columns; ++q) {
        for (Index k = 0; k < length; ++k) {
          one[r * columns + q] += a[r * length + k] * b[q * length + k];
          two[r * columns + q] += a[r * length + k] * b[q * length + k] + c[r * length + k] * d[q * length + k];
        }
      }
    }
    Tensor<T> got = before;
    kernels::matrix::multiply_transposed<T, 1>(rows, columns, length, {{a.data(), b.data()}}, mode, got.data(), columns,
                                               1);
    CHECK(equal(got, one));
    got = before;
    kernels::matrix::multiply_transposed<T, 2>(rows, columns, length, {{a.data(), b.data()}, {c.data(), d.data()}},
                                               mode, got.data(), columns, 1);
    CHECK(equal(got, two));
  }
  Tensor<T> got(Shape{columns, rows}), expected(Shape{columns, rows});  // the result transposed
  kernels::matrix::multiply_transposed<T, 1>(rows, columns, length, {{a.data(), b.data()}}, OutputMode::write,
                                             got.data(), 1, rows);
  kernels::matrix::multiply_transposed<T, 1>(columns, rows, length, {{b.data(), a.data()}}, OutputMode::write,
                                             expected.data(), rows, 1);
  CHECK(equal(got, expected));
}

template <class T>
void check_combine_rows(Index count, Index length, Index terms) {
  const Tensor<T> f = whole_numbers<T>(Shape{count, terms}, 1), x = whole_numbers<T>(Shape{terms, length}, 2);
  const Tensor<T> g = whole_numbers<T>(Shape{terms, count}, 3), y = whole_numbers<T>(Shape{terms, length + 3}, 4);
  const Tensor<T> before = whole_numbers<T>(Shape{count, length}, 5);
  for (const OutputMode mode : {OutputMode::write, OutputMode::accumulate}) {
    Tensor<T> one = started(mode, before), two = one;
    for (Index r = 0; r < count; ++r) {
      for (Index k = 0; k < length; ++k) {
        for (Index s = 0; s < terms; ++s) {
          one[r * length + k] += f[r * terms + s] * x[s * length + k];
          two[r * length + k] += f[r * terms + s] * x[s * length + k] + g[s * count + r] * y[s * (length + 3) + k];
        }
      }
    }
    Tensor<T> got = before;
    kernels::matrix::combine_rows<T, 1>(count, length, terms, {{f.data(), terms, 1, x.data(), length}}, mode,
                                        got.data());
    CHECK(equal(got, one));
    got = before;
    kernels::matrix::combine_rows<T, 2>(
        count, length, terms, {{f.data(), terms, 1, x.data(), length}, {g.data(), 1, count, y.data(), length + 3}},
        mode, got.data());
    CHECK(equal(got, two));
  }
}

}  // namespace

TEST_CASE_TEMPLATE("matrix: products and their sums, for every remainder of tiles and vectors", T, float, double) {
  for (const Index rows : {1, 2, 3, 4, 5, 6, 7, 16}) {
    for (const Index columns : {1, 4, 5, 6, 10}) {
      for (const Index length : {1, 3, 4, 7, 16, 17, 84, 120}) {
        CAPTURE(rows);
        CAPTURE(columns);
        CAPTURE(length);
        check_multiply_transposed<T>(rows, columns, length);
        check_combine_rows<T>(rows, length, columns);
      }
    }
  }
}

TEST_CASE_TEMPLATE("matrix: rows past the caches are combined a few at a time", T, float, double) {
  check_combine_rows<T>(3, 8200, 40);
  check_combine_rows<T>(40, 8200, 40);
}
