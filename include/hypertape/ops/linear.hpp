#pragma once

#include "hypertape/autodiff/contraction.hpp"
#include "hypertape/core/parallel.hpp"
#include "hypertape/kernels/linear_kernels.hpp"
#include "hypertape/ops/reduce.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

namespace detail {

/// t(x, w, y) = sum over n, o, i of x[n][i] w[o][i] y[n][o].
struct LinearForm {
  static constexpr const char* names[3] = {"linear_input_gradient", "linear_weight_gradient", "linear"};
  Index N, F, O;

  Shape shape(Role role) const {
    return role == Role::first ? Shape::batch(N, F) : role == Role::second ? Shape{O, F} : Shape::batch(N, O);
  }
  ChannelSumMap bias() const { return {Shape::batch(N, O), Shape{O}}; }

  template <Role role>
  Index parts() const {
    return parallel_parts(role == Role::first ? F : O, N * F * O);
  }
  /// Each part has its own; for the input gradient the parts' columns add up to one.
  template <Role role>
  Index scratch() const {
    return (role == Role::first ? 1 : parts<role>()) * N * F;
  }
  template <Role role, class T>
  void contract(const T* first, const T* second, kernels::OutputMode mode, T* out, T* scratch) const {
    if constexpr (role == Role::first) {
      parallel_ranges(parts<Role::first>(), F, [&](Index, Range inputs) {
        kernels::linear_input_gradient(N, F, O, inputs, second, first, mode, out, scratch + inputs.begin * N);
      });
    } else {
      parallel_ranges(parts<role>(), O, [&](Index part, Range outputs) {
        T* own = scratch + part * N * F;
        if constexpr (role == Role::second)
          kernels::linear_weight_gradient(N, F, O, outputs, second, first, mode, out, own);
        if constexpr (role == Role::product) kernels::linear(N, F, O, outputs, first, second, mode, out, own);
      });
    }
  }
};

template <class T>
LinearForm linear_form(Var<T> x, Var<T> weight) {
  const Shape in = x.shape(), w = weight.shape();
  if (in.rank() != 2 || w.rank() != 2) {
    throw ShapeError("linear: needs an input (N, F) and a weight (O, F), got ", in, " and ", w);
  }
  require_batch("linear", "the input", in);
  require_row_major("linear", "the weight", w);
  if (in[1] != w[1]) {
    throw ShapeError("linear: input ", in, " needs a weight of ", in[1], " columns, got ", w);
  }
  return {in[0], in[1], w[0]};
}

}  // namespace detail

/// y (N, O) = x (N, F) weight^T for a weight (O, F), row-major. @throws ShapeError if these do not fit.
template <class T>
Var<T> linear(Var<T> x, Var<T> weight) {
  return contract<Role::product>(detail::linear_form(x, weight), {x, weight});
}

/// y (N, O) = x (N, F) weight^T + bias (O). @throws ShapeError if these do not fit.
template <class T>
Var<T> linear(Var<T> x, Var<T> weight, Var<T> bias) {
  const detail::LinearForm form = detail::linear_form(x, weight);
  if (bias.shape() != Shape{form.O}) {
    throw ShapeError("linear: weight ", weight.shape(), " needs a bias ", Shape{form.O}, ", got ", bias.shape());
  }
  return contract<Role::product>(form, {x, weight, bias});
}

}  // namespace hypertape::inline HYPERTAPE_ABI
