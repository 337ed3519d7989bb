#pragma once

#include <cmath>

#include "hypertape/core/axes.hpp"
#include "hypertape/ops/gather.hpp"
#include "hypertape/ops/math.hpp"
#include "hypertape/ops/relayout.hpp"

/// Reductions over chosen axes, which stay with extent 1 if `keep`, or go; axes count from 0, or from the last with -1.
/// Any layout; a result that keeps its axis of samples has the operand's, any other is row-major. All throw a
/// ShapeError for an axis that x does not have, or one named twice.
namespace hypertape::inline HYPERTAPE_ABI {

namespace detail {

/// For a reduction over axes: its result, whose reduced axes have extent 1, as the caller wants it. `reduce` gets the
/// shape to reduce to, in the layout that the result will have.
template <class T, class Reduce>
Var<T> reduce_axes(const char* operation, Var<T> x, const Axes& axes, bool keep, const Reduce& reduce) {
  const Shape kept = reduced_shape(operation, x.shape(), axes);
  if (keep) return reduce(kept);
  const Shape dropped = dropped_shape(operation, x.shape(), axes);
  return reshape(reduce(kept.with_layout(dropped.layout())), dropped);
}

/// The largest or smallest of the values that a strided loop brings to each element; both derivatives follow the
/// positions where these were found, the first of equal ones. A NaN counts as the extreme.
template <class T, bool Largest>
struct Extreme final : Operation<T> {
  kernels::StridedLoop loop;  ///< from each element of the input to that of the output
  Index* source;              ///< of each output, in the tape's memory

  /// `source_` is memory for as many positions as the output has elements, as long as the tape's record.
  Extreme(const kernels::StridedLoop& loop_, Index* source_) : loop(loop_), source(source_) {}

  const char* name() const override { return Largest ? "max" : "min"; }
  bool is_cheap() const override { return true; }
  void evaluate(const Evaluation<T>& call) const override {
    const T* x = call.input(0);
    T* y = call.output();
    std::fill_n(source, call.output_shape().size(), Index{-1});
    loop.for_each([&](Index from, Index to) {
      const bool better = source[to] < 0 || (Largest ? x[from] > y[to] : x[from] < y[to]);
      if (!better && !(std::isnan(x[from]) && !std::isnan(y[to]))) return;
      y[to] = x[from];
      source[to] = from;
    });
  }
  Var<T> tangent(const TangentSweep<T>& call) const override {
    return apply_map(positions(call.input(0).shape(), call.output_shape()), call.tangent(0));
  }
  void pullback(PullbackSweep<T>& call) const override {
    if (!call.needs(0)) return;
    call.add(0, apply_map<true>(positions(call.input(0).shape(), call.output_shape()), call.adjoint()));
  }

 private:
  IndexMap positions(const Shape& from, const Shape& to) const { return {"gather", "scatter_add", from, to, source}; }
};

template <bool Largest, class T>
Var<T> extreme(Var<T> x, const Axes& axes, bool keep) {
  return reduce_axes(Largest ? "max" : "min", x, axes, keep, [&](const Shape& kept) {
    const Shape from = x.shape();
    kernels::StridedLoop loop;
    const kernels::Strides a = kernels::strides_of(from), b = kernels::strides_of(kept);
    for (int axis = 0; axis < from.rank(); ++axis) {
      const auto i = static_cast<std::size_t>(axis);
      loop.add(from[axis], a[i], kept[axis] == 1 ? 0 : b[i]);
    }
    return x.tape().apply(Extreme<T, Largest>(loop, x.tape().template allocate<Index>(kept.size())), kept, {x});
  });
}

}  // namespace detail

/// The sums.
template <class T>
Var<T> sum(Var<T> x, const Axes& axes, bool keep = false) {
  return detail::reduce_axes("sum", x, axes, keep, [&](const Shape& kept) { return detail::sum_to(x, kept); });
}
/// The means.
template <class T>
Var<T> mean(Var<T> x, const Axes& axes, bool keep = false) {
  const Var<T> total = sum(x, axes, keep);
  return total / static_cast<T>(x.size() / total.size());
}

/// The largest values . Equal values send the gradient to the
/// first in row-major order, as PyTorch's max over one axis does; a NaN is the largest.
template <class T>
Var<T> max(Var<T> x, const Axes& axes, bool keep = false) {
  return detail::extreme<true>(x, axes, keep);
}
/// The smallest values, as `max`.
template <class T>
Var<T> min(Var<T> x, const Axes& axes, bool keep = false) {
  return detail::extreme<false>(x, axes, keep);
}

/// The logarithms of the sums of exponentials, by way of the largest value, so that nothing overflows.
template <class T>
Var<T> logsumexp(Var<T> x, const Axes& axes, bool keep = false) {
  Tensor<T> largest = max(x, axes, true).value();
  for (T& value : largest.values()) value = std::isfinite(value) ? value : T(0);
  const Var<T> shift = x.tape().leaf(largest), total = sum(exp(x - shift), axes, true);
  return detail::reduce_axes("logsumexp", x, axes, keep,
                             [&](const Shape& kept) { return relayout(shift + log(total), kept.layout()); });
}

}  // namespace hypertape::inline HYPERTAPE_ABI
