#pragma once

#include <cstdint>
#include <span>
#include <type_traits>

#include "hypertape/ops/activations.hpp"
#include "hypertape/ops/softmax.hpp"

/// Losses of a batch: scalars that are means over the samples, so that blocks of samples can be averaged.
namespace hypertape::inline HYPERTAPE_ABI {

/// Encodes labels 0 .. K - 1 as rows of zeros with a single one: a batch (N, K). @throws ArgumentError for other
/// labels.
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
/// infinity is 0. The logits are needed where a log-probability overflows but the loss does not.
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

template <class T>
void require_one_shape(const char* operation, Var<T> a, Var<T> b) {
  if (a.shape() == b.shape()) return;
  throw ShapeError(operation, ": ", a.shape(), " and ", b.shape(), " must have the same shape");
}

}  // namespace detail

/// -(1/N) sum over n, k of y[n][k] log softmax(z)[n][k] for logits z (N, K) and labels y (N, K). Labels are one-hot
/// rows (hard labels) or any weights (soft labels), and the loss can be differentiated with respect to them. A class
/// with label 0 contributes 0, even if its logit is -inf, as in a mask. @throws ShapeError if the shapes differ.
template <class T>
Var<T> softmax_cross_entropy(Var<T> logits, Var<T> labels) {
  if (logits.shape() != labels.shape()) {
    throw ShapeError("softmax_cross_entropy: logits ", logits.shape(), " and labels ", labels.shape(),
                     " must have the same shape (N, K)");
  }
  detail::require_logits("softmax_cross_entropy", logits.shape());
  const Var<T> l = detail::log_softmax("softmax_cross_entropy", logits, 1);
  return contract<Role::first>(detail::CrossEntropyForm<T>{logits.shape(), logits.data()}, {labels, l});
}

/// The loss for hard labels 0 .. K - 1, one for each of the N samples. @throws ShapeError if their number is not N.
template <class T>
Var<T> softmax_cross_entropy(Var<T> logits, std::span<const std::int32_t> labels) {
  if (static_cast<Index>(labels.size()) != logits.shape()[0]) {
    throw ShapeError("softmax_cross_entropy: logits ", logits.shape(), " need one label for each sample, got ",
                     labels.size());
  }
  return softmax_cross_entropy(logits, logits.tape().leaf(one_hot<T>(labels, logits.shape()[1])));
}

/// The loss for hard labels with a weight for each class: the mean of the samples' losses, each weighted by its class,
/// sum_n w[y_n] loss_n / sum_n w[y_n], as in PyTorch. @throws ShapeError unless there is one label per sample and one
/// weight per class.
template <class T>
Var<T> softmax_cross_entropy(Var<T> logits, std::span<const std::int32_t> labels,
                             std::span<const std::type_identity_t<T>> class_weights) {
  const Shape shape = logits.shape();
  if (shape.rank() != 2 || static_cast<Index>(class_weights.size()) != shape[1] ||
      static_cast<Index>(labels.size()) != shape[0]) {
    throw ShapeError("softmax_cross_entropy: logits ", shape, " need a label for each sample, got ", labels.size(),
                     ", and a weight for each class, got ", class_weights.size());
  }
  Tensor<T> weighted = one_hot<T>(labels, shape[1]);
  T total = 0;
  for (Index n = 0; n < shape[0]; ++n) {
    const auto label = labels[static_cast<std::size_t>(n)];
    weighted(n, label) = class_weights[static_cast<std::size_t>(label)];
    total += weighted(n, label);
  }
  for (T& value : weighted.values()) value *= static_cast<T>(shape[0]) / total;
  return softmax_cross_entropy(logits, logits.tape().leaf(weighted));
}

/// The mean over all elements of the cross-entropy between targets t in 0 .. 1 and probabilities sigmoid(z): -t log
/// sigmoid(z) - (1 - t) log sigmoid(-z), computed without cancellation. @throws ShapeError if the shapes differ.
template <class T>
Var<T> sigmoid_cross_entropy(Var<T> logits, Var<T> targets) {
  detail::require_one_shape("sigmoid_cross_entropy", logits, targets);
  return mean(targets * softplus(-logits) + (T(1) - targets) * softplus(logits));
}

/// The mean of (a - b)^2 over all elements. @throws ShapeError if the shapes differ.
template <class T>
Var<T> mean_squared_error(Var<T> a, Var<T> b) {
  detail::require_one_shape("mean_squared_error", a, b);
  return mean(square(a - b));
}

/// @{
/// A Tensor is not an operand: this does not compile.
template <class T>
Var<T> softmax_cross_entropy(Var<T>, const Tensor<T>&) {
  return detail::tensor_as_operand<T>();
}
template <class T>
Var<T> mean_squared_error(Var<T>, const Tensor<T>&) {
  return detail::tensor_as_operand<T>();
}
/// @}

/// The mean of |a - b| over all elements, with derivative 0 where they are equal. @throws ShapeError if the shapes
/// differ.
template <class T>
Var<T> mean_absolute_error(Var<T> a, Var<T> b) {
  detail::require_one_shape("mean_absolute_error", a, b);
  return mean(abs(a - b));
}

/// The mean over all elements of Huber's loss (Huber 1964) of d = a - b: d^2 / 2 where |d| <= delta = `bound`, else
/// delta (|d| - delta / 2). @throws ShapeError if the shapes differ, ArgumentError unless the bound is positive.
template <class T>
Var<T> huber_loss(Var<T> a, Var<T> b, Number<T> bound = 1) {
  const T delta = bound.value;
  detail::require_one_shape("huber_loss", a, b);
  if (!(delta > 0)) throw ArgumentError("huber_loss: delta must be positive, got ", delta);
  const Var<T> d = a - b, inner = clamp(d, -delta, delta);
  return mean(inner * (d - T(0.5) * inner));
}

}  // namespace hypertape::inline HYPERTAPE_ABI
