#pragma once

#include "hypertape/autodiff/jacobian_product.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

/// Products of a scalar's Hessian with many vectors. The gradient and its tangent are recorded once (`hvp` records them
/// for each product), and each product computes only what depends on the vector.
///
///     const HessianProduct<double> hessian(loss, x);
///     Tensor<double> product = hessian(direction);
///
/// The record must stay on its tape as long as this is used.
template <class T>
class HessianProduct {
 public:
  /// Records d loss / dx and its tangent. @throws ShapeError if the loss is not a scalar.
  HessianProduct(Var<T> loss, Var<T> x) : slope_(gradient(loss, x)), product_(slope_, x) {}

  /// H v, for v of x's shape. @throws ShapeError for another shape; ArgumentError like JacobianProduct.
  Tensor<T> operator()(const Tensor<T>& v) const { return product_(v); }
  /// The same for values in memory; the result is valid until the next product.
  const T* operator()(const T* v) const { return product_(v); }

  /// The gradient.
  Var<T> gradient_var() const { return slope_; }

 private:
  Var<T> slope_;
  JacobianProduct<T> product_;
};

/// The product J^T J v of the Gauss-Newton matrix of residuals r(x), with J = dr/dx; recorded, with x's shape. For a
/// loss |r|^2 / 2, J^T J is the Hessian without the second derivatives of r.
template <class T>
Var<T> gauss_newton_product(Var<T> residuals, Var<T> x, Var<T> v) {
  return vjp(residuals, jvp(residuals, x, v), x);
}

/// The Gauss-Newton product for any loss of outputs z(x): J^T H J v with J = dz/dx and H = d^2 loss / dz^2 (Schraudolph
/// 2002). The loss must have been recorded from these outputs.
template <class T>
Var<T> gauss_newton_product(Var<T> loss, Var<T> outputs, Var<T> x, Var<T> v) {
  return vjp(outputs, hvp(loss, outputs, jvp(outputs, x, v)), x);
}

}  // namespace hypertape::inline HYPERTAPE_ABI
