#pragma once

#include "hypertape/kernels/elementwise.hpp"
#include "hypertape/ops/arithmetic.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

namespace detail {

/// The family of elementwise functions y = f(a, b).
template <class T, class Value, class ByA, class ByB>
struct Binary final : Operation<T> {
  const char* label;
  bool cheap;
  [[no_unique_address]] Value value;
  [[no_unique_address]] ByA by_a;
  [[no_unique_address]] ByB by_b;

  Binary(const char* label_, bool cheap_, const Value& value_, const ByA& by_a_, const ByB& by_b_)
      : label(label_), cheap(cheap_), value(value_), by_a(by_a_), by_b(by_b_) {}

  const char* name() const override { return label; }
  bool is_cheap() const override { return cheap; }
  void evaluate(const Evaluation<T>& call) const override {
    kernels::map(call.output_shape().size(), call.input(0), call.input(1), call.output(), value);
  }
  Var<T> tangent(const TangentSweep<T>& call) const override {
    const Var<T> a = call.tangent(0), b = call.tangent(1);
    const Var<T> of_a = a ? by_a(call.input(0), call.input(1), call.output(), a) : Var<T>();
    const Var<T> of_b = b ? by_b(call.input(0), call.input(1), call.output(), b) : Var<T>();
    return of_a && of_b ? of_a + of_b : of_a ? of_a : of_b;
  }
  void pullback(PullbackSweep<T>& call) const override {
    const auto add = [&](int i, const auto& by) {
      if (!call.needs(i)) return;
      if (const Var<T> product = by(call.input(0), call.input(1), call.output(), call.adjoint())) call.add(i, product);
    };
    add(0, by_a);
    add(1, by_b);
  }
};

}  // namespace detail

/// Records y = f(a, b), elementwise, with operands broadcast to a common shape:
///
///     apply_binary("hypot", a, b, [](T a, T b) { return std::hypot(a, b); },
///                  [](Var<T> a, Var<T>, Var<T> y, Var<T> v) { return a / y * v; },
///                  [](Var<T>, Var<T> b, Var<T> y, Var<T> v) { return b / y * v; })
///
/// `by_a(a, b, y, v)` expresses df/da v in operations on a, b and y = f(a, b), and `by_b` does so for df/db v; either
/// returns an empty Var where the derivative is 0. The rest is as for `apply_unary`. @throws ShapeError if the shapes
/// do not fit.
template <class T, class Value, class ByA, class ByB>
Var<T> apply_binary(const char* name, Var<T> a, Var<T> b, const Value& value, const ByA& by_a, const ByB& by_b,
                    bool cheap = false) {
  detail::match(name, a, b);
  return a.tape().apply(detail::Binary<T, Value, ByA, ByB>(name, cheap, value, by_a, by_b), a.shape(), {a, b});
}

}  // namespace hypertape::inline HYPERTAPE_ABI
