#pragma once

#include <cstdint>
#include <span>

#include "hypertape/ops/arithmetic.hpp"
#include "hypertape/ops/math.hpp"
#include "hypertape/ops/softmax.hpp"

/// Losses of a batch: scalars, means over the samples, so that blocks of samples can be averaged.
namespace hypertape::inline HYPERTAPE_ABI {

/// Classes 0 .. K - 1 as rows of zeros with a single one: a batch (N, K). @throws ArgumentError for a label outside.
template <class T>
Tensor<T> one_hot(std::span<const std::int32_t> labels, Index classes) {
  const auto count = static_cast<Index>(labels.size());
  Tensor<T> out(Shape::batch(count, classes));
  for (Index n = 0; n < count; ++n) {
    const std::int32_t label = labels[static_cast<std::size_t>(n)];
    if (label < 0 || label >= classes) {
      throw ArgumentError("one_hot: label ", label, " of sample ", n, " is not in 0 .. ", classes - 1);
    }
    out(n, label) = T(1);
  }
  return out;
}

namespace detail {

/// t(s, y, l) = -(s/N) sum over n, k of y[n][k] l[n][k] for weights y and log-probabilities l of logits, where 0 times
/// infinity is 0. The logits serve where a logarithm overflows, but the loss does not.
template <class T>
struct CrossEntropyForm {
  static constexpr const char* names[3] = {"softmax_cross_entropy", "cross_entropy_by_labels",
                                           "cross_entropy_by_log_probabilities"};
  Shape operand;
  const T* logits;

  Shape shape(Role role) const { return role == Role::first ? Shape{} : operand; }
  template <Role role>
  Index scratch() const {
    return 0;
  }
  template <Role role>
  void contract(const T* a, const T* b, kernels::OutputMode mode, T* out, T*) const {
    const bool add = mode == kernels::OutputMode::accumulate;
    const Index N = operand[0], K = operand[1];
    if constexpr (role == Role::first) {
      const T loss = kernels::cross_entropy(N, K, logits, a, b);
      out[0] = add ? out[0] + loss : loss;
    } else {
      const T weight = a[0] / -static_cast<T>(N);
      for (Index i = 0; i < operand.size(); ++i) {
        const T value =
            role == Role::second ? kernels::weighted_log_probability_at(N, K, logits, i, weight, b[i]) : weight * b[i];
        out[i] = add ? out[i] + value : value;
      }
    }
  }
};

}  // namespace detail

/// -(1/N) sum over n, k of y[n][k] log softmax(z)[n][k] for logits z (N, K) and labels y (N, K): one-hot rows (hard
/// labels) or any weights (soft labels), which may be differentiated too. A class of label 0 contributes 0, also where
/// its logit is -inf, as in a mask. @throws ShapeError if the shapes differ.
template <class T>
Var<T> softmax_cross_entropy(Var<T> logits, Var<T> labels) {
  if (logits.shape() != labels.shape()) {
    throw ShapeError("softmax_cross_entropy: logits ", logits.shape(), " and labels ", labels.shape(),
                     " must have one shape (N, K)");
  }
  const Var<T> l = detail::log_softmax("softmax_cross_entropy", logits);
  return contract<Role::first>(detail::CrossEntropyForm<T>{logits.shape(), logits.data()}, {labels, l});
}

/// The same for hard labels 0 .. K - 1, one for each of the N samples. @throws ShapeError if their number is not N.
template <class T>
Var<T> softmax_cross_entropy(Var<T> logits, std::span<const std::int32_t> labels) {
  if (static_cast<Index>(labels.size()) != logits.shape()[0]) {
    throw ShapeError("softmax_cross_entropy: logits ", logits.shape(), " need one label for each sample, got ",
                     labels.size());
  }
  return softmax_cross_entropy(logits, logits.tape().leaf(one_hot<T>(labels, logits.shape()[1])));
}

/// The mean of (a - b)^2 over all elements. @throws ShapeError if the shapes differ.
template <class T>
Var<T> mean_squared_error(Var<T> a, Var<T> b) {
  if (a.shape() != b.shape()) {
    throw ShapeError("mean_squared_error: ", a.shape(), " and ", b.shape(), " must be one shape");
  }
  return mean(square(a - b));
}

}  // namespace hypertape::inline HYPERTAPE_ABI
