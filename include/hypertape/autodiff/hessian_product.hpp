#pragma once

#include "hypertape/autodiff/jacobian_product.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

/// Products of the Hessian of a scalar with many vectors: the gradient and its tangent are recorded once, where `hvp`
/// records them with each product, and a product computes only what depends on the vector.
///
///     const HessianProduct<double> hessian(loss, x);
///     Tensor<double> product = hessian(direction);
///
/// What was recorded must stay on its tape as long as this is used.
template <class T>
class HessianProduct {
 public:
  /// Records d loss / dx and its tangent. @throws ShapeError if the loss is no scalar.
  HessianProduct(Var<T> loss, Var<T> x) : slope_(gradient(loss, x)), product_(slope_, x) {}

  /// H v, for v of x's shape. @throws ShapeError for another shape; ArgumentError as JacobianProduct.
  Tensor<T> operator()(const Tensor<T>& v) const { return product_(v); }
  /// The same for values in memory, valid until the next product.
  const T* operator()(const T* v) const { return product_(v); }

  /// The gradient.
  Var<T> gradient_var() const { return slope_; }

 private:
  Var<T> slope_;
  JacobianProduct<T> product_;
};

/// The product of the Gauss-Newton matrix J^T J of residuals r(x) with v, J = dr/dx; recorded, of x's shape. For a loss
/// |r|^2 / 2 it is the Hessian without its second derivatives of r.
template <class T>
Var<T> gauss_newton_product(Var<T> residuals, Var<T> x, Var<T> v) {
  return vjp(residuals, jvp(residuals, x, v), x);
}

/// The same for any loss of outputs z(x), which must be what the loss was recorded from: J^T H J v with J = dz/dx and H
/// = d^2 loss / dz^2 (Schraudolph 2002).
template <class T>
Var<T> gauss_newton_product(Var<T> loss, Var<T> outputs, Var<T> x, Var<T> v) {
  return vjp(outputs, hvp(loss, outputs, jvp(outputs, x, v)), x);
}

}  // namespace hypertape::inline HYPERTAPE_ABI
