#pragma once

#include "hypertape/autodiff/gradient.hpp"
#include "hypertape/autodiff/jvp.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

/// Products of the Hessian of a scalar with many vectors: the gradient is recorded once, where `hvp` records it with
/// each product.
///
///     const HessianProduct<double> hessian(loss, x);
///     Tensor<double> product = hessian(direction);
///
/// The loss and x must stay on their tape as long as this is used; nothing may be recorded or dropped below.
template <class T>
class HessianProduct {
 public:
  /// Records d loss / dx. @throws ShapeError if the loss is no scalar.
  HessianProduct(Var<T> loss, Var<T> x) : x_(x), slope_(gradient(loss, x)) {}

  /// H v, for v of x's shape; the tape is as before then. @throws ShapeError for another shape.
  Tensor<T> operator()(const Tensor<T>& v) const {
    Tape<T>& tape = x_.tape();
    const detail::RewindScope<T> scope(tape);
    return jvp(slope_, x_, tape.view(v.shape(), v.data())).value();
  }

  /// The gradient.
  Var<T> gradient_var() const { return slope_; }

 private:
  Var<T> x_, slope_;
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
