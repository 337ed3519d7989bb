#pragma once

#include "hypertape/autodiff/contraction.hpp"
#include "hypertape/core/parallel.hpp"
#include "hypertape/kernels/linear_kernels.hpp"
#include "hypertape/ops/arithmetic.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

namespace detail {

/// t(x, w, y) = sum over n, o, i of x[n][i] w[o][i] y[n][o], with x and y in the same layout.
struct LinearForm {
  static constexpr const char* names[3] = {"linear_input_gradient", "linear_weight_gradient", "linear"};
  Index N, F, O;
  Layout layout;

  Shape shape(Role role) const {
    return role == Role::second ? Shape{O, F} : Shape{N, role == Role::first ? F : O}.with_layout(layout);
  }
  ChannelSumMap bias() const { return {shape(Role::product), Shape{O}}; }

  template <Role role>
  Index parts() const {
    return parallel_parts(role == Role::first ? F : O, N * F * O);
  }
  /// Each part has its own scratch.
  template <Role role>
  Index scratch() const {
    return parts<role>() * scratch_of_part<role>();
  }
  /// Row-major operands take one pass; batches take one pass per pair.
  template <Role role, std::size_t Pairs, class T>
  void contract_sum(const std::array<OperandPair<T>, Pairs>& pairs, const T* bias, kernels::OutputMode mode, T* out,
                    T* scratch) const {
    if (bias != nullptr) {
      this->bias().apply_adjoint(bias, out);
      mode = kernels::OutputMode::accumulate;
    }
    if (layout == Layout::row_major) return contract_rows<role>(pairs, mode, out);
    for (const auto& [first, second] : pairs) {
      contract_batch<role>(first, second, mode, out, scratch);
      mode = kernels::OutputMode::accumulate;
    }
  }

 private:
  template <Role role>
  Index scratch_of_part() const {
    if (role == Role::second) return kernels::linear_weight_gradient_scratch(N, F, O);
    if (role == Role::product) return kernels::linear_scratch(N, F, O);
    const Index most_inputs = (F + parts<Role::first>() - 1) / parts<Role::first>();
    return kernels::linear_input_gradient_scratch(N, F, O, {0, most_inputs});
  }
  template <Role role, class T>
  void contract_batch(const T* first, const T* second, kernels::OutputMode mode, T* out, T* scratch) const {
    if constexpr (role == Role::first) {
      parallel_ranges(parts<role>(), F, [&](Index part, Range inputs) {
        T* own = scratch + part * scratch_of_part<role>();
        kernels::linear_input_gradient(N, F, O, inputs, second, first, mode, out, own);
      });
    } else {
      parallel_ranges(parts<role>(), O, [&](Index part, Range outputs) {
        T* own = scratch + part * scratch_of_part<role>();
        if constexpr (role == Role::second)
          kernels::linear_weight_gradient(N, F, O, outputs, second, first, mode, out, own);
        if constexpr (role == Role::product) kernels::linear(N, F, O, outputs, first, second, mode, out, own);
      });
    }
  }
  template <Role role, std::size_t Pairs, class T>
  void contract_rows(const std::array<OperandPair<T>, Pairs>& pairs, kernels::OutputMode mode, T* out) const {
    kernels::matrix::RowPair<T> operands[Pairs];
    for (std::size_t m = 0; m < Pairs; ++m) operands[m] = {pairs[m].first, pairs[m].second};
    const Index rows = role == Role::second ? O : N;
    parallel_ranges(parallel_parts(rows, N * F * O), rows, [&](Index, Range range) {
      if constexpr (role == Role::first) kernels::linear_rows_input_gradient(F, O, range, operands, mode, out);
      if constexpr (role == Role::second) kernels::linear_rows_weight_gradient(N, F, O, range, operands, mode, out);
      if constexpr (role == Role::product) kernels::linear_rows(F, O, range, operands, mode, out);
    });
  }
};

template <class T>
LinearForm linear_form(Var<T> x, Var<T> weight) {
  const Shape in = x.shape(), w = weight.shape();
  if (in.rank() != 2 || w.rank() != 2) {
    throw ShapeError("linear: needs an input (N, F) and a weight (O, F), got ", in, " and ", w);
  }
  require_row_major("linear", "the weight", w);
  if (in[1] != w[1]) {
    throw ShapeError("linear: input ", in, " needs a weight of ", in[1], " columns, got ", w);
  }
  return {in[0], in[1], w[0], in.is_batch() ? Layout::samples_innermost : Layout::row_major};
}

}  // namespace detail

/// y (N, O) = x (N, F) weight^T for a row-major weight (O, F). x is a batch or row-major, and y is the same. @throws
/// ShapeError if these do not fit.
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

/// A Tensor is not an operand: this does not compile.
template <class T>
Var<T> linear(const Tensor<T>&, Var<T>, Var<T>) {
  return detail::tensor_as_operand<T>();
}

}  // namespace hypertape::inline HYPERTAPE_ABI
