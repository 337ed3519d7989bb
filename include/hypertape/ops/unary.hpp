#pragma once

#include "hypertape/kernels/elementwise.hpp"
#include "hypertape/ops/arithmetic.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

namespace detail {

/// The family of smooth elementwise functions y = f(x). A Function gives
///
///     static constexpr const char* name;
///     template <class T> static T value(T x);
///     template <class T> static Var<T> derivative(Var<T> x, Var<T> y);   // f'(x), in ops, from x or y
///
/// and tangent f'(x) x' and pullback f'(x) y_bar follow, as they are one and the same. Where f'(x) is a reciprocal,
/// give `inverse_derivative`, 1 / f'(x), in its place: a quotient v / x may be finite where 1 / x is not.
template <class T, class Function>
struct Unary final : Operation<T> {
  const char* name() const override { return Function::name; }
  void evaluate(const Evaluation<T>& call) const override {
    kernels::map(call.output_shape().size(), call.input(0), call.output(), [](T x) { return Function::value(x); });
  }
  Var<T> tangent(const TangentSweep<T>& call) const override { return times_derivative(call, call.tangent(0)); }
  void pullback(PullbackSweep<T>& call) const override {
    if (call.needs(0)) call.add(0, times_derivative(call, call.adjoint()));
  }

 private:
  /// f'(x) v
  static Var<T> times_derivative(const auto& call, Var<T> v) {
    const Var<T> x = call.input(0), y = call.output();
    if constexpr (requires { Function::inverse_derivative(x, y); }) {
      return v / Function::inverse_derivative(x, y);
    } else {
      return Function::derivative(x, y) * v;
    }
  }
};

}  // namespace detail

/// Records y = f(x), elementwise.
template <class Function, class T>
Var<T> apply_unary(Var<T> x) {
  return x.tape().apply(detail::Unary<T, Function>(), x.shape(), {x});
}

}  // namespace hypertape::inline HYPERTAPE_ABI
