#pragma once

#include <cmath>

#include "hypertape/kernels/softmax_kernels.hpp"
#include "hypertape/ops/arithmetic.hpp"
#include "hypertape/ops/reduce.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

namespace detail {

/// The elementwise product t(a, b, c) = sum over i of a_i b_i c_i in which 0 times infinity is 0: probabilities, which
/// are 0 where a logit is -inf, times what may be infinite there.
struct ProbabilityForm {
  static constexpr const char* names[3] = {"weigh_by_probability", "weigh_by_probability", "weigh_by_probability"};
  Shape operand;

  Shape shape(Role) const { return operand; }
  template <Role role>
  Index scratch() const {
    return 0;
  }
  template <Role role, class T>
  void contract(const T* a, const T* b, kernels::OutputMode mode, T* out, T*) const {
    const bool add = mode == kernels::OutputMode::accumulate;
    for (Index i = 0; i < operand.size(); ++i) {
      const T product = kernels::product_or_zero(a[i], b[i]);
      out[i] = add ? out[i] + product : product;
    }
  }
};

/// p = exp(l), elementwise, of log-probabilities l: p' = p l', also where l is -inf.
template <class T>
struct ExpOfLogProbability final : Operation<T> {
  const char* name() const override { return "exp_of_log_probability"; }
  void evaluate(const Evaluation<T>& call) const override {
    kernels::map(call.output_shape().size(), call.input(0), call.output(), [](T l) { return std::exp(l); });
  }
  Var<T> tangent(const TangentSweep<T>& call) const override { return weigh(call.output(), call.tangent(0)); }
  void pullback(PullbackSweep<T>& call) const override {
    if (call.needs(0)) call.add(0, weigh(call.output(), call.adjoint()));
  }

 private:
  static Var<T> weigh(Var<T> p, Var<T> v) { return contract<Role::product>(ProbabilityForm{p.shape()}, {p, v}); }
};

/// The probabilities of log-probabilities.
template <class T>
Var<T> probabilities(Var<T> l) {
  return l.tape().apply(ExpOfLogProbability<T>(), l.shape(), {l});
}

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
    return z - repeat_for_features(sum_over_features(detail::probabilities(call.output()) * z), z.shape());
  }
  void pullback(PullbackSweep<T>& call) const override {
    if (!call.needs(0)) return;
    const Var<T> y = call.adjoint();
    call.add(0, y - detail::probabilities(call.output()) * repeat_for_features(sum_over_features(y), y.shape()));
  }
};

template <class T>
Var<T> log_softmax(const char* operation, Var<T> logits) {
  if (logits.shape().rank() != 2) {
    throw ShapeError(operation, ": needs logits (N, K), got ", logits.shape());
  }
  require_batch(operation, "the logits", logits.shape());
  return logits.tape().apply(LogSoftmax<T>(), logits.shape(), {logits});
}

}  // namespace detail

/// The logarithms of each sample's class probabilities: logits (N, K) -> (N, K). A logit of -inf has the probability 0,
/// but a sample of nothing else is NaN. @throws ShapeError for another rank.
template <class T>
Var<T> log_softmax(Var<T> logits) {
  return detail::log_softmax("log_softmax", logits);
}

/// Class probabilities p: logits (N, K) -> (N, K). `p * log_softmax(logits)` is NaN where a logit is -inf; an entropy
/// is `softmax_cross_entropy(logits, p)`. @throws ShapeError for another rank.
template <class T>
Var<T> softmax(Var<T> logits) {
  return detail::probabilities(detail::log_softmax("softmax", logits));
}

}  // namespace hypertape::inline HYPERTAPE_ABI
