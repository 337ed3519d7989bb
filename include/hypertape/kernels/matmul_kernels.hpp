#pragma once

#include "hypertape/core/shape.hpp"
#include "hypertape/kernels/matrix.hpp"
#include "hypertape/kernels/transpose.hpp"

namespace hypertape::inline HYPERTAPE_ABI::kernels {

/// A factor of a product of row-major matrices: in memory as it is meant, or transposed.
template <class T>
struct Factor {
  const T* values;  ///< of the whole matrix
  bool transposed;  ///< whether its rows lie as columns
};

/// Values of scratch for `matmul`: where both factors are transposed, the right one is turned.
inline Index matmul_scratch(Index N, Index K, bool both_transposed) { return both_transposed ? N * K : 0; }

/// Rows `rows` of out (M, N) = start + left (M, K) right (K, N). `scratch`: matmul_scratch values.
template <class T>
void matmul(Index M, Index N, Index K, Range rows, Factor<T> left, Factor<T> right, OutputMode mode, T* out,
            T* scratch) {
  T* to = out + rows.begin * N;
  const T* first = left.values + rows.begin * (left.transposed ? 1 : K);
  if (N == 1 && left.transposed) {  // the result as a row: lanes over its elements
    return matrix::combine_rows<T, 1>(1, rows.size(), K, {{right.values, 0, 1, first, M}}, mode, to);
  }
  if ((right.transposed || N == 1) && !left.transposed) {
    return matrix::multiply_transposed<T, 1>(rows.size(), N, K, {{first, right.values}}, mode, to, N, 1);
  }
  const T* terms = right.values;
  if (right.transposed) {
    transpose_matrix(N, K, right.values, K, scratch, N);
    terms = scratch;
  }
  const Index row_stride = left.transposed ? 1 : K, term_stride = left.transposed ? M : 1;
  matrix::combine_rows<T, 1>(rows.size(), N, K, {{first, row_stride, term_stride, terms, N}}, mode, to);
}

}  // namespace hypertape::inline HYPERTAPE_ABI::kernels
