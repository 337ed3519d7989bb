#pragma once

#include <cmath>
#include <type_traits>

#include "hypertape/ops/binary.hpp"
#include "hypertape/ops/unary.hpp"

/// Elementwise choices between values, with operands broadcast to a common shape. The derivative with respect to what
/// decides the choice is 0.
namespace hypertape::inline HYPERTAPE_ABI {

namespace detail {

/// y = a where condition is not 0, else b; linear in (a, b).
template <class T>
struct Where final : Operation<T> {
  const char* name() const override { return "where"; }
  bool is_cheap() const override { return true; }
  void evaluate(const Evaluation<T>& call) const override {
    const T *condition = call.input(0), *a = call.input(1), *b = call.input(2);
    for (Index i = 0; i < call.output_shape().size(); ++i) {
      call.output()[i] = condition[i] >= 0 && condition[i] <= 0 ? b[i] : a[i];
    }
  }
  Var<T> tangent(const TangentSweep<T>& call) const override {
    const Var<T> a = call.tangent(1), b = call.tangent(2);
    if (!a && !b) return Var<T>();
    const Var<T> zero = a && b ? a : call.tape().full(call.output_shape(), T(0));
    return choose(call.input(0), a ? a : zero, b ? b : zero);
  }
  void pullback(PullbackSweep<T>& call) const override {
    const Var<T> zero = call.tape().full(call.output_shape(), T(0));
    if (call.needs(1)) call.add(1, choose(call.input(0), call.adjoint(), zero));
    if (call.needs(2)) call.add(2, choose(call.input(0), zero, call.adjoint()));
  }

  /// Records the operation; all three Vars have the same shape.
  static Var<T> choose(Var<T> condition, Var<T> a, Var<T> b) {
    return condition.tape().apply(Where(), a.shape(), {condition, a, b});
  }
};

/// v where the condition is not 0, else 0.
template <class T>
Var<T> masked(Var<T> condition, Var<T> v) {
  return Where<T>::choose(condition, v, v.tape().full(v.shape(), T(0)));
}

/// A comparison as 1 or 0, without a derivative.
template <class T, class Compare>
Var<T> comparison(const char* name, Var<T> a, Var<T> b, const Compare& compare) {
  return apply_binary(
      name, a, b, [compare](T x, T y) { return compare(x, y) ? T(1) : T(0); }, zero_derivative, zero_derivative, true);
}

}  // namespace detail

/// @{
/// Compares elementwise: 1 where the relation in the name holds, else 0, which includes NaN operands. The derivative is
/// 0. (std::greater and std::less are classes.)
template <class T>
Var<T> is_greater(Var<T> a, Var<T> b) {
  return detail::comparison("is_greater", a, b, [](T x, T y) { return x > y; });
}
template <class T>
Var<T> is_less(Var<T> a, Var<T> b) {
  return detail::comparison("is_less", a, b, [](T x, T y) { return x < y; });
}
template <class T>
Var<T> is_equal(Var<T> a, Var<T> b) {
  return detail::comparison("is_equal", a, b, [](T x, T y) { return x <= y && x >= y; });
}
/// @}

namespace detail {

/// v where a > b, v / 2 where they are equal, 0 where a < b; v if either is NaN.
template <class T>
Var<T> share_of_larger(Var<T> a, Var<T> b, Var<T> v) {
  const Var<T> share = T(1) - is_less(a, b) - T(0.5) * is_equal(a, b);
  return masked(share, share * v);
}

}  // namespace detail

/// a where `condition` is not 0, else b. The derivatives with respect to the condition and to the value not chosen are
/// 0, whatever that value is. But as in PyTorch, the operation that computed this value may turn the 0 into NaN, as
/// sqrt does at -1; then choose its argument as well. @throws ShapeError if the shapes do not fit.
template <class T>
Var<T> where(Var<T> condition, Var<T> a, Var<T> b) {
  detail::match("where", a, b);
  detail::match("where", condition, a);
  detail::match("where", a, b);
  return detail::Where<T>::choose(condition, a, b);
}

/// The larger of two values; NaN wins. Equal values each get half of the derivative, as in PyTorch.
template <class T>
Var<T> maximum(Var<T> a, Var<T> b) {
  return apply_binary(
      "maximum", a, b, [](T x, T y) { return x > y || std::isnan(x) ? x : y; },
      [](Var<T> x, Var<T> y, Var<T>, Var<T> v) { return detail::share_of_larger(x, y, v); },
      [](Var<T> x, Var<T> y, Var<T>, Var<T> v) { return detail::share_of_larger(y, x, v); });
}
/// The smaller of two values, otherwise like `maximum`.
template <class T>
Var<T> minimum(Var<T> a, Var<T> b) {
  return -maximum(-a, -b);
}

/// Limits x to `lower` .. `upper`. The derivative is 1 within the bounds, including the bounds themselves, and 0
/// outside, as in PyTorch. @throws ArgumentError if lower > upper.
template <class T>
Var<T> clamp(Var<T> x, Number<T> lower, Number<T> upper) {
  const T least = lower.value, most = upper.value;
  if (!(least <= most)) throw ArgumentError("clamp: the bounds ", least, " and ", most, " are in the wrong order");
  const auto inside = [=](Var<T> at, Var<T>, Var<T> v) {
    const auto value = [=](T number) { return number >= least && number <= most ? T(1) : T(0); };
    return detail::masked(apply_unary("is_between", at, value, detail::zero_derivative, true), v);
  };
  return apply_unary(
      "clamp", x, [=](T number) { return number < least  ? least
                                         : number > most ? most
                                                         : number; }, inside, true);
}

}  // namespace hypertape::inline HYPERTAPE_ABI
