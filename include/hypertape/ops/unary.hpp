#pragma once

#include <utility>

#include "hypertape/kernels/elementwise.hpp"
#include "hypertape/ops/arithmetic.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

namespace detail {

/// The family of elementwise functions y = f(x); the tangent f'(x) x' and the pullback f'(x) y_bar are the same
/// function.
template <class T, class Value, class Derivative>
struct Unary final : Operation<T> {
  const char* label;
  bool cheap;
  [[no_unique_address]] Value value;
  [[no_unique_address]] Derivative derivative;

  Unary(const char* label_, bool cheap_, const Value& value_, const Derivative& derivative_)
      : label(label_), cheap(cheap_), value(value_), derivative(derivative_) {}

  const char* name() const override { return label; }
  bool is_cheap() const override { return cheap; }
  void evaluate(const Evaluation<T>& call) const override {
    const Index count = call.output_shape().size();
    if constexpr (requires(const T* x, T* y) { value(count, x, y); }) {
      value(count, call.input(0), call.output());
    } else {
      kernels::map(count, call.input(0), call.output(), value);
    }
  }
  Var<T> tangent(const TangentSweep<T>& call) const override {
    return derivative(call.input(0), call.output(), call.tangent(0));
  }
  void pullback(PullbackSweep<T>& call) const override {
    if (!call.needs(0)) return;
    if (const Var<T> product = derivative(call.input(0), call.output(), call.adjoint())) call.add(0, product);
  }
};

/// The zero derivative of a piecewise constant function with respect to any operand: an empty Var.
inline constexpr auto zero_derivative = [](auto first, auto...) { return decltype(first)(); };

}  // namespace detail

/// Records y = f(x), elementwise:
///
///     apply_unary("sin", x, [](T v) { return std::sin(v); }, [](Var<T> x, Var<T>, Var<T> v) { return cos(x) * v; })
///
/// `value` is f of a number, or value(count, x, y) for arrays. `derivative(x, y, v)` expresses f'(x) v in operations on
/// x and y = f(x), so that derivatives of any order follow. For log it is v / x, which may be finite where 1 / x is
/// not. It returns an empty Var where f' is 0. What both lambdas capture is copied into the tape's memory and never
/// destroyed. `cheap` is Operation::is_cheap. The name must outlive the tape's record.
template <class T, class Value, class Derivative>
Var<T> apply_unary(const char* name, Var<T> x, const Value& value, const Derivative& derivative, bool cheap = false) {
  return x.tape().apply(detail::Unary<T, Value, Derivative>(name, cheap, value, derivative), x.shape(), {x});
}

}  // namespace hypertape::inline HYPERTAPE_ABI
