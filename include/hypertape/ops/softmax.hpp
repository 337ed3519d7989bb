#pragma once

#include "hypertape/kernels/softmax.hpp"
#include "hypertape/ops/arithmetic.hpp"
#include "hypertape/ops/math.hpp"
#include "hypertape/ops/reduce.hpp"

namespace hypertape {

/// y[n][k] = z[n][k] - log sum over j of exp z[n][j]. With p = exp(y):
///     y' = z' - sum_k p_k z'_k        z_bar = y_bar - p sum_k y_bar_k
template <class T>
struct LogSoftmax final : Operation<T> {
  const char* name() const override { return "log_softmax"; }
  void evaluate(const Evaluation<T>& call) const override {
    const Shape& shape = call.output_shape();
    kernels::log_softmax(shape[0], shape.features(), call.input(0), call.output(), call.scratch(2 * shape[0]));
  }
  Var<T> tangent(const TangentSweep<T>& call) const override {
    const Var<T> z = call.tangent(0);
    return z - repeat_for_features(sum_over_features(exp(call.output()) * z), z.shape());
  }
  void pullback(PullbackSweep<T>& call) const override {
    if (!call.needs(0)) return;
    const Var<T> y = call.adjoint();
    call.add(0, y - exp(call.output()) * repeat_for_features(sum_over_features(y), y.shape()));
  }
};

namespace detail {

template <class T>
Var<T> log_softmax(const char* operation, Var<T> logits) {
  if (logits.shape().rank() != 2) {
    throw ShapeError(message(operation, ": needs logits (N, K), got ", logits.shape()));
  }
  return logits.tape().apply(LogSoftmax<T>(), logits.shape(), {logits});
}

}  // namespace detail

/// The logarithms of each sample's class probabilities: logits (N, K) -> (N, K). @throws ShapeError for another rank.
template <class T>
Var<T> log_softmax(Var<T> logits) {
  return detail::log_softmax("log_softmax", logits);
}

/// Class probabilities: logits (N, K) -> (N, K). @throws ShapeError for another rank.
template <class T>
Var<T> softmax(Var<T> logits) {
  return exp(detail::log_softmax("softmax", logits));
}

}  // namespace hypertape
