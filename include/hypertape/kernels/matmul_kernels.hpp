#pragma once

#include <algorithm>
#include <cstring>

#include "hypertape/core/shape.hpp"
#include "hypertape/kernels/matrix.hpp"
#include "hypertape/kernels/transpose.hpp"

/// Products of row-major matrices of any size.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion"  // g++ warns about array bounds that are int template parameters

namespace hypertape::inline HYPERTAPE_ABI::kernels {

/// A factor of a product of row-major matrices, stored as it is used or transposed.
template <class T>
struct Factor {
  const T* values;  ///< the whole matrix
  bool transposed;  ///< whether it is stored transposed
};

/// Which elements of a row may be nonzero: all, those up to the diagonal, or those from the diagonal on.
enum class Side { both, to_diagonal, from_diagonal };

/// The parts that a product may leave out.
struct MatmulParts {
  Side of_left = Side::both;    ///< where the left factor, after any transposition, is nonzero; the rest holds zeros
  Side of_result = Side::both;  ///< which part of the result is wanted; the rest is undefined
};

namespace detail {

/// How a large product is cut (Goto and van de Geijn 2008). A tile of the result stays in registers for `terms` terms.
/// The strip of the right factor that it multiplies is copied: it is then contiguous, fits the first-level cache, and
/// serves every tile of its columns.
template <class T>
struct MatmulCut {
  static constexpr int rows = matrix::detail::many_registers ? 8 : 4, vectors = 3;
  static constexpr Index columns = Index{vectors} * native_lanes<T>;
  static constexpr Index terms = 24 * 1024 / (vectors * HYPERTAPE_VECTOR_BYTES);  // a strip takes 24 KB

  /// Whether a product is large enough for copies to pay off. With few rows, it is only if the right factor must be
  /// transposed anyway or does not fit the first-level cache. How threads cut the rows must not matter here, or the
  /// bits would depend on it.
  static bool serves(Index M, Index N, Index K, bool right_transposed) {
    return M >= 2 * rows && N >= native_lanes<T> && (right_transposed || M >= 128 || N * K > 8192);
  }
};

/// out (R, columns of a strip) = start + left (R, terms) strip (terms, columns), for R rows of `left` that are
/// `left_row` apart, and rows of the result `out_row` apart. Only the elements of `left` on one side of the diagonal
/// count; the diagonal crosses its first row at term `diagonal`. The others are not multiplied, as 0 times infinity
/// would be a NaN.
template <class T, int R, int Vectors>
void multiply_strip(Index terms, Side side, Index diagonal, const T* left, Index left_row, const T* strip,
                    OutputMode mode, T* out, Index out_row, Index last) {
  constexpr int lanes = native_lanes<T>;
  using V = Simd<T, lanes>;
  // The last vector of a row may have only `last` lanes.
  const auto load_last = [=](const T* from) {
    T values[lanes] = {};
    std::memcpy(values, from, static_cast<std::size_t>(last) * sizeof(T));
    return V::load(values);
  };
  typename V::Vector sum[R][Vectors] = {};
  if (mode == OutputMode::accumulate) {
    for (int r = 0; r < R; ++r) {
      for (int v = 0; v < Vectors; ++v) {
        const T* from = out + r * out_row + v * lanes;
        sum[r][v] = v + 1 < Vectors || last == lanes ? V::load(from) : load_last(from);
      }
    }
  }
  const T* factors[R];
  for (int r = 0; r < R; ++r) factors[r] = left + r * left_row;
  const auto add_term = [&](Index k, Index first_row, Index end_row) HYPERTAPE_ALWAYS_INLINE_LAMBDA {
    typename V::Vector x[Vectors];
    for (int v = 0; v < Vectors; ++v) {
      x[v] = V::load(strip + (k * Vectors + v) * lanes);
      V::keep_in_register(x[v]);
    }
    for (int r = 0; r < R; ++r) {
      if (r < first_row || r >= end_row) continue;
      const auto factor = V::broadcast(factors[r][k]);
      for (int v = 0; v < Vectors; ++v) V::add_product(sum[r][v], factor, x[v]);
    }
  };
  const auto bounded = [terms](Index k) { return std::clamp<Index>(k, 0, terms); };
  Index k = 0, end_of_all = terms;
  if (side == Side::from_diagonal) {
    for (k = bounded(diagonal); k < bounded(diagonal + R - 1); ++k) add_term(k, 0, k - diagonal + 1);
  }
  if (side == Side::to_diagonal) end_of_all = bounded(diagonal + 1);
  for (; k < end_of_all; ++k) add_term(k, 0, R);  // all rows
  if (side == Side::to_diagonal) {
    for (; k < bounded(diagonal + R); ++k) add_term(k, k - diagonal, R);
  }
  for (int r = 0; r < R; ++r) {
    for (int v = 0; v < Vectors; ++v) {
      T* to = out + r * out_row + v * lanes;
      if (v + 1 < Vectors || last == lanes) {
        V::store(to, sum[r][v]);
      } else {
        T values[lanes];
        V::store(values, sum[r][v]);
        std::memcpy(to, values, static_cast<std::size_t>(last) * sizeof(T));
      }
    }
  }
}

/// Computes rows `rows` of a product for which `MatmulCut::serves` is true.
template <class T>
void large_matmul(Index M, Index N, Index K, Range rows, Factor<T> left, Factor<T> right, OutputMode mode, T* out,
                  T* scratch, const MatmulParts& wanted) {
  using Cut = MatmulCut<T>;
  constexpr int lanes = native_lanes<T>;
  T* const strip = scratch;
  T* const turned = scratch + Cut::columns * (std::min)(Cut::terms, K);
  for (Index k0 = 0; k0 < K; k0 += Cut::terms) {
    const Index terms = (std::min)(Cut::terms, K - k0);
    const T* first = left.values + rows.begin * K + k0;
    Index left_row = K;
    if (left.transposed) {
      transpose_matrix(terms, rows.size(), left.values + k0 * M + rows.begin, M, turned, terms);
      first = turned;
      left_row = terms;
    }
    const OutputMode here = k0 == 0 ? mode : OutputMode::accumulate;
    for_each_group<Cut::vectors>((N + lanes - 1) / lanes, [&]<int Vectors>(Index vector) {
      const Index n0 = vector * lanes, width = Index{Vectors} * lanes, columns = (std::min)(width, N - n0);
      if (columns < width) std::fill_n(strip, terms * width, T(0));
      if (right.transposed) {
        transpose_matrix(columns, terms, right.values + n0 * K + k0, K, strip, width);
      } else {
        for (Index k = 0; k < terms; ++k) std::copy_n(right.values + (k0 + k) * N + n0, columns, strip + k * width);
      }
      for_each_group<Cut::rows>(rows.size(), [&]<int R>(Index r) {
        const Index row = rows.begin + r;
        if (wanted.of_result == Side::to_diagonal && n0 >= row + R) return;
        if (wanted.of_result == Side::from_diagonal && n0 + columns <= row) return;
        multiply_strip<T, R, Vectors>(terms, wanted.of_left, row - k0, first + r * left_row, left_row, strip, here,
                                      out + row * N + n0, N, columns - (Vectors - 1) * lanes);
      });
    });
  }
}

}  // namespace detail

/// Values of scratch for `matmul` of `rows` rows of a result, in either precision.
inline Index matmul_scratch(Index M, Index N, Index K, Index rows, bool left_transposed, bool right_transposed) {
  using Cut = detail::MatmulCut<float>;  // has the widest strips
  const Index turned = left_transposed && right_transposed ? N * K : 0;
  if (M < 2 * Cut::rows) return turned;
  return (std::max)(turned, (std::min)(Cut::terms, K) * (Cut::columns + (left_transposed ? rows : 0)));
}

/// Rows `rows` of out (M, N) = start + left (M, K) right (K, N). `scratch` holds matmul_scratch values.
template <class T>
void matmul(Index M, Index N, Index K, Range rows, Factor<T> left, Factor<T> right, OutputMode mode, T* out, T* scratch,
            const MatmulParts& wanted = {}) {
  if (detail::MatmulCut<T>::serves(M, N, K, right.transposed)) {
    return detail::large_matmul(M, N, K, rows, left, right, mode, out, scratch, wanted);
  }
  T* to = out + rows.begin * N;
  const T* first = left.values + rows.begin * (left.transposed ? 1 : K);
  if (N == 1 && left.transposed) {  // compute the result as a row: lanes over its elements
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

#pragma GCC diagnostic pop
