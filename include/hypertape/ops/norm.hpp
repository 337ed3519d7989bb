#pragma once

#include "hypertape/kernels/elementwise.hpp"
#include "hypertape/kernels/reduce_kernels.hpp"
#include "hypertape/ops/arithmetic.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

namespace detail {

/// y = v / s for a tensor v and a scalar s, or 0 if s is 0; closed under differentiation:
///
///     y' = (v' - y s') / s        v_bar = y_bar / s        s_bar = -<y, v_bar>
///
/// where each quotient is again this operation.
template <class T>
struct QuotientOrZero final : Operation<T> {
  const char* name() const override { return "quotient_or_zero"; }
  void evaluate(const Evaluation<T>& call) const override {
    kernels::map(call.output_shape().size(), call.input(0), call.output(),
                 [s = *call.input(1)](T v) { return s == 0 ? T(0) : v / s; });
  }
  Var<T> tangent(const TangentSweep<T>& call) const override {
    const Var<T> v = call.tangent(0), s = call.tangent(1);
    if (!s) return of(v, call.input(1));
    const Var<T> turned = scale(s, call.output());
    return of(v ? v - turned : -turned, call.input(1));
  }
  void pullback(PullbackSweep<T>& call) const override {
    const Var<T> share = of(call.adjoint(), call.input(1));
    if (call.needs(0)) call.add(0, share);
    if (call.needs(1)) call.add(1, -dot(call.output(), share));
  }

  /// Records v / s, for s of shape ().
  static Var<T> of(Var<T> v, Var<T> s) { return v.tape().apply(QuotientOrZero(), v.shape(), {v, s}); }
};

/// y = sqrt(sum of x^2), with the unit vector u = x / y, which is 0 at 0:
///
///     y' = <u, x'>        x_bar = y_bar u
template <class T>
struct Norm final : Operation<T> {
  const char* name() const override { return "norm"; }
  void evaluate(const Evaluation<T>& call) const override {
    *call.output() = kernels::norm(call.input_shape(0).size(), call.input(0));
  }
  Var<T> tangent(const TangentSweep<T>& call) const override { return dot(unit(call), call.tangent(0)); }
  void pullback(PullbackSweep<T>& call) const override {
    if (call.needs(0)) call.add(0, scale(call.adjoint(), unit(call)));
  }

 private:
  static Var<T> unit(const auto& call) { return QuotientOrZero<T>::of(call.input(0), call.output()); }
};

}  // namespace detail

/// The Euclidean norm of all elements, a scalar: sqrt(sum(square(x))) without overflow or underflow, with derivatives
/// of every order that are 0 at 0.
template <class T>
Var<T> norm(Var<T> x) {
  return x.tape().apply(detail::Norm<T>(), Shape{}, {x});
}

}  // namespace hypertape::inline HYPERTAPE_ABI
