#pragma once

#include <algorithm>

#include "hypertape/autodiff/contraction.hpp"
#include "hypertape/core/parallel.hpp"
#include "hypertape/kernels/matmul_kernels.hpp"
#include "hypertape/ops/rearrange.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

/// How `matmul` reads its operands.
struct MatmulOptions {
  bool transpose_a = false;  ///< a is (..., K, M)
  bool transpose_b = false;  ///< b is (..., N, K)
};

namespace detail {

/// t(a, b, c) = sum over batch, m, k, n of a[m][k] b[k][n] c[m][n], for factors that may be stored transposed. Each of
/// its three contractions is again a product of two matrices.
struct MatmulForm {
  static constexpr const char* names[3] = {"matmul", "matmul", "matmul"};
  Shape a, b, c;
  Index batch, M, N, K;
  MatmulOptions lies;

  Shape shape(Role role) const { return role == Role::first ? a : role == Role::second ? b : c; }
  template <Role role>
  Index scratch() const {
    const Product product = product_of<role>();
    return parts(product) * scratch_of_part(product);
  }
  template <Role role, class T>
  void contract(const T* first, const T* second, kernels::OutputMode mode, T* out, T* scratch) const {
    const Product p = product_of<role>();
    const T *left = p.swapped ? second : first, *right = p.swapped ? first : second;
    const Index each = scratch_of_part(p);
    parallel_ranges(parts(p), batch * p.rows, [&](Index part, Range range) {
      for (Index i = range.begin / p.rows; i * p.rows < range.end; ++i) {
        const Range rows{(std::max)(range.begin - i * p.rows, Index{0}), (std::min)(range.end - i * p.rows, p.rows)};
        kernels::matmul<T>(p.rows, p.columns, p.terms, rows, {left + i * p.rows * p.terms, p.left_transposed},
                           {right + i * p.terms * p.columns, p.right_transposed}, mode, out + i * p.rows * p.columns,
                           scratch + part * each);
      }
    });
  }

 private:
  /// A result (rows, columns), as it is stored, is a sum over `terms` terms. Its left factor is the first operand, or
  /// the second if swapped.
  struct Product {
    Index rows, columns, terms;
    bool swapped, left_transposed, right_transposed;
  };
  template <Role role>
  Product product_of() const {
    const auto [at, bt] = lies;
    if constexpr (role == Role::product) return {M, N, K, false, at, bt};
    if constexpr (role == Role::first) {  // from b and c: a = c b^T, or a^T = b c^T
      return at ? Product{K, M, N, false, bt, true} : Product{M, K, N, true, false, !bt};
    }
    if constexpr (role == Role::second) {  // from a and c: b = a^T c, or b^T = c^T a
      return bt ? Product{N, K, M, true, true, at} : Product{K, N, M, false, !at, false};
    }
  }
  Index scratch_of_part(const Product& p) const {
    const Index most_rows = (std::min)(p.rows, batch * p.rows / parts(p) + 1);
    return kernels::matmul_scratch(p.rows, p.columns, p.terms, most_rows, p.left_transposed, p.right_transposed);
  }
  Index parts(const Product& p) const { return parallel_parts(batch * p.rows, batch * M * N * K); }
};

/// All extents but the last two.
inline Extents batch_extents(const Shape& shape) { return Extents(shape.extents().first(shape.extents().size() - 2)); }
inline Shape with_matrix(Extents batch, Index rows, Index columns) {
  batch.push_back(rows);
  batch.push_back(columns);
  return Shape(batch);
}

}  // namespace detail

/// Products of matrices a (..., M, K) and b (..., K, N): (..., M, N), all row-major. Leading axes are broadcast. A
/// vector a (K) counts as a row and b (K) as a column, and the result then lacks that axis. Operands stored transposed
/// are read in place, without a copy. @throws ShapeError if the extents do not fit, or an operand is not row-major.
template <class T>
Var<T> matmul(Var<T> a, Var<T> b, MatmulOptions options = {}) {
  const Shape first = a.shape(), second = b.shape();
  detail::require_row_major("matmul", "the first matrix", first);
  detail::require_row_major("matmul", "the second matrix", second);
  if (first.rank() < 1 || second.rank() < 1) {
    throw ShapeError("matmul: needs matrices or vectors, got ", first, " and ", second);
  }
  if (first.rank() == 1) {
    const Var<T> row = reshape(a, options.transpose_a ? Shape{first[0], 1} : Shape{1, first[0]});
    const Var<T> y = matmul(row, second.rank() == 1 ? reshape(b, Shape{second[0], 1}) : b,
                            {options.transpose_a, options.transpose_b && second.rank() > 1});
    return reshape(y, detail::dropped_shape("matmul", y.shape(), second.rank() == 1 ? Axes{-2, -1} : Axes{-2}));
  }
  if (second.rank() == 1) {
    const Var<T> y = matmul(a, reshape(b, Shape{second[0], 1}), {options.transpose_a, false});
    return reshape(y, detail::dropped_shape("matmul", y.shape(), -1));
  }
  const int last_a = first.rank() - 1, last_b = second.rank() - 1;
  const Index M = first[last_a - (options.transpose_a ? 0 : 1)], K = first[last_a - (options.transpose_a ? 1 : 0)];
  const Index N = second[last_b - (options.transpose_b ? 1 : 0)],
              terms = second[last_b - (options.transpose_b ? 0 : 1)];
  if (K != terms) {
    throw ShapeError("matmul: ", first, options.transpose_a ? " transposed" : "", " has ", K, " columns, ", second,
                     options.transpose_b ? " transposed" : "", " has ", terms, " rows");
  }
  const detail::Extents batch_a = detail::batch_extents(first), batch_b = detail::batch_extents(second);
  if (batch_b.empty() && !options.transpose_a) {  // one tall matrix
    const Shape c = detail::with_matrix(batch_a, M, N);
    const Index rows = first.size() / K;
    const Shape flat{rows, K};
    const detail::MatmulForm form{flat, second, Shape{rows, N}, 1, rows, N, K, options};
    return reshape(contract<Role::product>(form, {reshape(a, flat), b}), c);
  }
  if (batch_a != batch_b) {
    const Shape batch = detail::broadcast_shape("matmul", Shape(batch_a), Shape(batch_b));
    const detail::Extents extents(batch.extents());
    a = broadcast_to(a, detail::with_matrix(extents, first[last_a - 1], first[last_a]));
    b = broadcast_to(b, detail::with_matrix(extents, second[last_b - 1], second[last_b]));
    return matmul(a, b, options);
  }
  const Shape c = detail::with_matrix(batch_a, M, N);
  return contract<Role::product>(detail::MatmulForm{first, second, c, c.size() / (M * N), M, N, K, options}, {a, b});
}

}  // namespace hypertape::inline HYPERTAPE_ABI
