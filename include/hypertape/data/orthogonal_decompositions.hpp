#pragma once

#include <Eigen/Eigenvalues>
#include <Eigen/QR>
#include <algorithm>

#include "hypertape/kernels/triangular_decompositions.hpp"

/// Eigenvectors and least squares for dense row-major matrices, by Eigen.
namespace hypertape::inline HYPERTAPE_ABI::data {

/// The eigenvalues (N) of a symmetric A (N, N), in ascending order, and its orthonormal eigenvectors as the columns of
/// `vectors` (N, N). Reads the lower triangle.
template <class T>
void decompose_symmetric(Index N, const T* a, T* values, T* vectors) {
  const kernels::detail::EigenOnOneThread guard;
  using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic>;
  const Eigen::SelfAdjointEigenSolver<Matrix> eigen(Matrix(kernels::detail::matrix_of(a, N, N)));
  std::copy_n(eigen.eigenvalues().data(), N, values);
  kernels::detail::matrix_of(vectors, N, N) = eigen.eigenvectors();
}

/// The x (D) that minimizes |A x - b| for A (N, D) and b (N). @returns the rank of A, by Householder's QR with
/// pivoting; unless it is D, x is one of several minimizers.
template <class T>
Index least_squares(Index N, Index D, const T* a, const T* b, T* x) {
  const kernels::detail::EigenOnOneThread guard;
  using Vector = Eigen::Matrix<T, Eigen::Dynamic, 1>;
  using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic>;
  const Eigen::ColPivHouseholderQR<Matrix> factors(Matrix(kernels::detail::matrix_of(a, N, D)));
  Eigen::Map<Vector>(x, D) = factors.solve(Eigen::Map<const Vector>(b, N));
  return factors.rank();
}

}  // namespace hypertape::inline HYPERTAPE_ABI::data
