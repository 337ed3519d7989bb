#pragma once

#include "hypertape/kernels/elementwise.hpp"
#include "hypertape/ops/arithmetic.hpp"

namespace hypertape {

/// The family of smooth elementwise functions y = f(x). A Function gives
///
///     static constexpr const char* name;
///     template <class T> static T value(T x);
///     template <class T> static Var<T> derivative(Var<T> x, Var<T> y);   // f'(x), in ops, from x or y
///
/// and tangent f'(x) x' and pullback f'(x) y_bar follow, as they are one and the same.
template <class T, class Function>
struct Unary final : Operation<T> {
  const char* name() const override { return Function::name; }
  void evaluate(const Evaluation<T>& call) const override {
    kernels::map(call.output_shape().size(), call.input(0), call.output(), [](T x) { return Function::value(x); });
  }
  Var<T> tangent(const TangentSweep<T>& call) const override {
    return Function::derivative(call.input(0), call.output()) * call.tangent(0);
  }
  void pullback(PullbackSweep<T>& call) const override {
    if (call.needs(0)) call.add(0, Function::derivative(call.input(0), call.output()) * call.adjoint());
  }
};

/// Records y = f(x), elementwise.
template <class Function, class T>
Var<T> apply_unary(Var<T> x) {
  return x.tape().apply(Unary<T, Function>(), x.shape(), {x});
}

}  // namespace hypertape
