#pragma once

#include "hypertape/core/error.hpp"
#include "hypertape/ops/linear_algebra.hpp"
#include "hypertape/ops/reduce.hpp"

/// Differentiable ridge regression: the last layer of a network in closed form.
namespace hypertape::inline HYPERTAPE_ABI::distill {

/// The weights W (F, K) that minimize |X W - Y|^2 + lambda |W|^2 for features X (N, F) and targets Y (N, K), row-major,
/// with lambda the `regularizer` times the trace of X X^T, so that it scales with the features:
///
///     W = X^T (X X^T + lambda I)^-1 Y
///
/// It uses a Cholesky factorization of that matrix (N, N), which suits fewer samples than features. The derivatives
/// account for lambda's dependence on X. @throws ShapeError if the shapes do not match; ArgumentError unless the
/// regularizer is positive, or if all features are zero.
template <class T>
Var<T> ridge_weights(Var<T> features, Var<T> targets, double regularizer) {
  hypertape::detail::require_row_major("ridge_weights", "the features", features.shape());
  hypertape::detail::require_row_major("ridge_weights", "the targets", targets.shape());
  if (features.shape().rank() != 2 || targets.shape().rank() != 2 || features.shape()[0] != targets.shape()[0]) {
    throw ShapeError("ridge_weights: needs features (N, F) and targets (N, K), got ", features.shape(), " and ",
                     targets.shape());
  }
  if (!(regularizer > 0)) throw ArgumentError("ridge_weights: the regularizer must be positive, got ", regularizer);
  const Var<T> products = matmul(features, features, {.transpose_b = true});
  const Var<T> lambda = regularizer * sum(diagonal(products));
  const Var<T> ones = features.tape().full(Shape{features.shape()[0]}, T(1));
  const Var<T> l = cholesky(products + diagonal_matrix(lambda * ones));
  const Var<T> dual = solve_triangular(l, solve_triangular(l, targets), {.transposed = true});
  return matmul(features, dual, {.transpose_a = true});
}

}  // namespace hypertape::inline HYPERTAPE_ABI::distill
