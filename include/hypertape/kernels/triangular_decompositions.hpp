#pragma once

#include <Eigen/Cholesky>
#include <Eigen/LU>
#include <algorithm>

#include "hypertape/core/shape.hpp"

/// Decompositions of dense matrices and solutions of linear equations, by Eigen. Matrices are row-major. No other
/// header uses Eigen's decompositions, which take a compiler long: a program that is built of several files can
/// instantiate them in one of them.
namespace hypertape::inline HYPERTAPE_ABI::kernels {

namespace detail {

/// Limits Eigen's products to one thread while it exists: how Eigen splits them, and so their bits, depends on the
/// number of threads.
class EigenOnOneThread {
 public:
  EigenOnOneThread() : before_(Eigen::nbThreads()) { Eigen::setNbThreads(1); }
  ~EigenOnOneThread() { Eigen::setNbThreads(before_); }
  EigenOnOneThread(const EigenOnOneThread&) = delete;
  EigenOnOneThread& operator=(const EigenOnOneThread&) = delete;

 private:
  int before_;
};

template <class T>
using RowMajorMatrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
template <class T>
Eigen::Map<const RowMajorMatrix<T>> matrix_of(const T* values, Index rows, Index columns) {
  return {values, rows, columns};
}
template <class T>
Eigen::Map<RowMajorMatrix<T>> matrix_of(T* values, Index rows, Index columns) {
  return {values, rows, columns};
}

/// A or its transpose as L U, for A (N, N).
template <class T>
struct Factors {
  Eigen::PartialPivLU<RowMajorMatrix<T>> lu;

  Factors(Index N, const T* a, bool transposed) {
    RowMajorMatrix<T> own = matrix_of(a, N, N);
    if (transposed) own.transposeInPlace();
    lu.compute(own);
  }
  /// Whether A is exactly singular.
  bool singular() const { return (lu.matrixLU().diagonal().array() == T(0)).any(); }
};

}  // namespace detail

/// Replaces A (N, N), symmetric and positive definite, by the lower-triangular L of A = L L^T. Reads the lower
/// triangle.
/// @returns whether A is positive definite; if not, it is overwritten all the same.
template <class T>
bool factorize_cholesky(Index N, T* a) {
  const detail::EigenOnOneThread guard;
  auto l = detail::matrix_of(a, N, N);
  Eigen::Ref<detail::RowMajorMatrix<T>> in_place(l);
  // Eigen::Success may be a macro (X11), and Eigen does not report a NaN as a failure.
  const bool failed = Eigen::LLT<Eigen::Ref<detail::RowMajorMatrix<T>>>(in_place).info() != Eigen::ComputationInfo{};
  for (Index r = 0; r < N; ++r) std::fill(a + r * N + r + 1, a + (r + 1) * N, T(0));
  return !failed && (l.diagonal().array() > T(0)).all();
}

/// Replaces X (N, R) by A^-1 X, or by A^-T X, for a triangular A (N, N), whose other triangle is not read.
template <class T>
void solve_triangular(Index N, Index R, const T* a, bool upper, bool transposed, T* x) {
  const detail::EigenOnOneThread guard;
  const auto matrix = detail::matrix_of(a, N, N);
  auto to = detail::matrix_of(x, N, R);
  if (!upper && !transposed) matrix.template triangularView<Eigen::Lower>().solveInPlace(to);
  if (upper && !transposed) matrix.template triangularView<Eigen::Upper>().solveInPlace(to);
  if (!upper && transposed) matrix.transpose().template triangularView<Eigen::Upper>().solveInPlace(to);
  if (upper && transposed) matrix.transpose().template triangularView<Eigen::Lower>().solveInPlace(to);
}

/// X = A^-1 B, or A^-T B, for A (N, N), B and X (N, R). @returns whether it exists; if not, X is not written.
template <class T>
bool solve(Index N, Index R, const T* a, bool transposed, const T* b, T* x) {
  const detail::EigenOnOneThread guard;
  const detail::Factors<T> factors(N, a, transposed);
  if (factors.singular()) return false;
  detail::matrix_of(x, N, R) = factors.lu.solve(detail::matrix_of(b, N, R));
  return true;
}

/// X = A^-1 for A and X (N, N). @returns whether it exists; if not, X is not written.
template <class T>
bool invert(Index N, const T* a, T* x) {
  const detail::EigenOnOneThread guard;
  const detail::Factors<T> factors(N, a, false);
  if (factors.singular()) return false;
  detail::matrix_of(x, N, N) = factors.lu.inverse();
  return true;
}

/// log |det A| for A (N, N). @returns whether it exists; if not, `logarithm` is not written.
template <class T>
bool log_determinant(Index N, const T* a, T* logarithm) {
  const detail::EigenOnOneThread guard;
  const detail::Factors<T> factors(N, a, false);
  if (factors.singular()) return false;
  *logarithm = factors.lu.matrixLU().diagonal().array().abs().log().sum();
  return true;
}

}  // namespace hypertape::inline HYPERTAPE_ABI::kernels
