#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "hypertape/core/axes.hpp"
#include "hypertape/ops/math.hpp"
#include "hypertape/ops/relayout.hpp"

/// Reductions over chosen axes, which are kept with extent 1 if `keep`, and dropped otherwise; axes count from 0, or
/// from the last as -1. They take any layout. A result that keeps all axes has the operand's layout, one that keeps a
/// batch's axis of samples is a batch, and any other is row-major. All throw a ShapeError for an axis that x does not
/// have or that is named twice.
namespace hypertape::inline HYPERTAPE_ABI {

namespace detail {

/// Applies a reduction over axes and keeps or drops the reduced axes. `reduce` gets the shape to reduce to, where they
/// have extent 1, in the layout that the result will have.
template <class T, class Reduce>
Var<T> reduce_axes(const char* operation, Var<T> x, const Axes& axes, bool keep, const Reduce& reduce) {
  const Shape kept = reduced_shape(operation, x.shape(), axes);
  if (keep) return reduce(kept);
  const Shape dropped = dropped_shape(operation, x.shape(), axes);
  return reshape(reduce(kept.with_layout(dropped.layout())), dropped);
}

/// The largest or smallest of the values that a strided loop brings to each element; NaN wins. With w = 1 / n where an
/// element is one of n equal extremes, and 0 elsewhere, y' = sum w x' and x_bar = w y_bar.
template <class T, bool Largest>
struct Extreme final : Operation<T> {
  const char* name() const override { return Largest ? "amax" : "amin"; }
  void evaluate(const Evaluation<T>& call) const override {
    T* y = call.output();
    std::fill_n(y, call.output_shape().size(), (Largest ? -1 : 1) * std::numeric_limits<T>::infinity());
    reduction(call.input_shape(0), call.output_shape()).for_each([x = call.input(0), y](Index from, Index to) {
      if (std::isnan(x[from]) || (Largest ? x[from] > y[to] : x[from] < y[to])) y[to] = x[from];
    });
  }
  Var<T> tangent(const TangentSweep<T>& call) const override {
    return sum_to(weights(call.input(0), call.output()) * call.tangent(0), call.output_shape());
  }
  void pullback(PullbackSweep<T>& call) const override {
    if (!call.needs(0)) return;
    const Var<T> x = call.input(0);
    call.add(0, weights(x, call.output()) * broadcast_to(call.adjoint(), x.shape()));
  }

 private:
  /// The weights w, in x's shape and layout; y may have another.
  static Var<T> weights(Var<T> x, Var<T> y) {
    const Var<T> is_extreme = is_equal(x, broadcast_to(y, x.shape()));
    return is_extreme / broadcast_to(sum_to(is_extreme, y.shape()), x.shape());
  }
};

template <bool Largest, class T>
Var<T> extreme(Var<T> x, const Axes& axes, bool keep) {
  return reduce_axes(Largest ? "amax" : "amin", x, axes, keep,
                     [&](const Shape& kept) { return x.tape().apply(Extreme<T, Largest>(), kept, {x}); });
}

}  // namespace detail

/// The sums over the axes.
template <class T>
Var<T> sum(Var<T> x, const Axes& axes, bool keep = false) {
  return detail::reduce_axes("sum", x, axes, keep, [&](const Shape& kept) { return detail::sum_to(x, kept); });
}
/// The means over the axes.
template <class T>
Var<T> mean(Var<T> x, const Axes& axes, bool keep = false) {
  const Var<T> total = sum(x, axes, keep);
  return total / static_cast<T>(x.size() / total.size());
}

/// The largest values over the axes. Equal ones share the derivative, as in PyTorch's amax; NaN counts as the largest.
template <class T>
Var<T> amax(Var<T> x, const Axes& axes, bool keep = false) {
  return detail::extreme<true>(x, axes, keep);
}
/// The smallest values over the axes, otherwise like `amax`.
template <class T>
Var<T> amin(Var<T> x, const Axes& axes, bool keep = false) {
  return detail::extreme<false>(x, axes, keep);
}
/// The logarithms of the sums of exponentials over the axes. The largest value is subtracted first, so nothing
/// overflows.
template <class T>
Var<T> logsumexp(Var<T> x, const Axes& axes, bool keep = false) {
  Tensor<T> largest = amax(x, axes, true).value();
  for (T& value : largest.values()) value = std::isfinite(value) ? value : T(0);
  const Var<T> shift = x.tape().leaf(largest), total = sum(exp(x - shift), axes, true);
  return detail::reduce_axes("logsumexp", x, axes, keep,
                             [&](const Shape& kept) { return relayout(shift + log(total), kept.layout()); });
}

}  // namespace hypertape::inline HYPERTAPE_ABI
