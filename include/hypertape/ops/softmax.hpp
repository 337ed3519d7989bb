#pragma once

#include "hypertape/core/axes.hpp"
#include "hypertape/kernels/softmax_kernels.hpp"
#include "hypertape/ops/arithmetic.hpp"
#include "hypertape/ops/broadcast.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

namespace detail {

/// The elementwise product t(a, b, c) = sum over i of a_i b_i c_i in which 0 times infinity is 0. It multiplies
/// probabilities, which are 0 where a logit is -inf, by values that may be infinite there.
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

/// p = exp(l), elementwise, for log-probabilities l; p' = p l' holds even where l is -inf.
template <class T>
struct ExpOfLogProbability final : Operation<T> {
  const char* name() const override { return "exp_of_log_probability"; }
  void evaluate(const Evaluation<T>& call) const override {
    kernels::exp(call.output_shape().size(), call.input(0), call.output());
  }
  Var<T> tangent(const TangentSweep<T>& call) const override { return weigh(call.output(), call.tangent(0)); }
  void pullback(PullbackSweep<T>& call) const override {
    if (call.needs(0)) call.add(0, weigh(call.output(), call.adjoint()));
  }

 private:
  static Var<T> weigh(Var<T> p, Var<T> v) { return contract<Role::product>(ProbabilityForm{p.shape()}, {p, v}); }
};

/// The probabilities for given log-probabilities.
template <class T>
Var<T> probabilities(Var<T> l) {
  return l.tape().apply(ExpOfLogProbability<T>(), l.shape(), {l});
}

/// y = z - log sum exp z, with the sum over one axis of any tensor. With p = exp(y) and sums over that axis:
///     y' = z' - sum p z'        z_bar = y_bar - p sum y_bar
template <class T>
struct LogSoftmax final : Operation<T> {
  int axis;  ///< the axis of the sums

  /// The operation over this axis.
  explicit LogSoftmax(int axis_) : axis(axis_) {}

  const char* name() const override { return "log_softmax"; }
  void evaluate(const Evaluation<T>& call) const override {
    const Shape& shape = call.output_shape();
    const Index K = shape[axis], inner = kernels::strides_of(shape)[static_cast<std::size_t>(axis)], block = K * inner;
    T* scratch = call.scratch(inner == 1 ? K : 2 * inner);
    for (Index begin = 0; begin < shape.size(); begin += block) {
      if (inner == 1) {
        kernels::log_softmax_of_row(K, call.input(0) + begin, call.output() + begin, scratch);
      } else {
        kernels::log_softmax(inner, K, call.input(0) + begin, call.output() + begin, scratch);
      }
    }
  }
  Var<T> tangent(const TangentSweep<T>& call) const override {
    const Var<T> z = call.tangent(0);
    return z - sums(detail::probabilities(call.output()) * z);
  }
  void pullback(PullbackSweep<T>& call) const override {
    if (!call.needs(0)) return;
    const Var<T> y = call.adjoint();
    call.add(0, y - detail::probabilities(call.output()) * sums(y));
  }

 private:
  Var<T> sums(Var<T> x) const { return broadcast_to(sum_to(x, with_extent(x.shape(), axis, 1)), x.shape()); }
};

template <class T>
Var<T> log_softmax(const char* operation, Var<T> x, int axis) {
  const int chosen = checked_axis(operation, x.shape(), axis);
  return x.tape().apply(LogSoftmax<T>(chosen), x.shape(), {x});
}

/// Requires the logits to be a batch (N, K). @throws ShapeError otherwise.
inline void require_logits(const char* operation, const Shape& logits) {
  if (logits.rank() != 2) throw ShapeError(operation, ": needs logits (N, K), got ", logits);
  require_batch(operation, "the logits", logits);
}

}  // namespace detail

/// The logarithms of each sample's class probabilities: logits (N, K) -> (N, K). A logit of -inf has probability 0, but
/// a sample with no other logits is NaN. @throws ShapeError for another rank.
template <class T>
Var<T> log_softmax(Var<T> logits) {
  detail::require_logits("log_softmax", logits.shape());
  return detail::log_softmax("log_softmax", logits, 1);
}
/// The logarithms of softmax over an axis of any tensor, -1 being the last. @throws ShapeError if x lacks that axis.
template <class T>
Var<T> log_softmax(Var<T> x, int axis) {
  return detail::log_softmax("log_softmax", x, axis);
}

/// Class probabilities p: logits (N, K) -> (N, K). `p * log_softmax(logits)` is NaN where a logit is -inf; for an
/// entropy, use `softmax_cross_entropy(logits, p)`. @throws ShapeError for another rank.
template <class T>
Var<T> softmax(Var<T> logits) {
  detail::require_logits("softmax", logits.shape());
  return detail::probabilities(detail::log_softmax("softmax", logits, 1));
}
/// Softmax over an axis of any tensor, -1 being the last: positive values that sum to 1 over it. @throws ShapeError if
/// x does not have that axis.
template <class T>
Var<T> softmax(Var<T> x, int axis) {
  return detail::probabilities(detail::log_softmax("softmax", x, axis));
}

}  // namespace hypertape::inline HYPERTAPE_ABI
