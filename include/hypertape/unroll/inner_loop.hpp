#pragma once

#include <vector>

#include "hypertape/core/error.hpp"
#include "hypertape/core/tensor.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

/// All that a training run of T = steps x epochs gradient-descent steps is given:
///
///     theta_{t+1} = theta_t - eta_t grad_theta l(theta_t, x_s, y_s),   s = t mod steps
///
/// or, with a momentum mu (heavy ball, from v_0 = 0, as PyTorch's SGD has it):
///
///     v_{t+1} = mu v_t + grad_theta l(theta_t, x_s, y_s),   theta_{t+1} = theta_t - eta_t v_{t+1}
///
/// The inner loss l may take hyperparameters phi as its last argument.
template <class T>
struct InnerLoop {
  Tensor<T> theta0;          ///< (P)
  std::vector<Tensor<T>> x;  ///< for each step, a batch (N, ...)
  std::vector<Tensor<T>> y;  ///< for each step, its labels (N, ...), one-hot or soft
  Tensor<T> learning_rates;  ///< (epochs, steps), row-major: eta_t is element t
  T momentum = 0;            ///< mu, in [0, 1)
  Index max_steps = 0;       ///< steps that are taken at most; 0: all T

  /// phi (H): what else the inner loss takes, the same in every step, say one L2 penalty for each group of weights; a
  /// scalar, as it is at first, for nothing.
  Tensor<T> hyperparameters{};

  /// Steps of one epoch.
  Index steps() const { return static_cast<Index>(x.size()); }
  /// T = steps x epochs.
  Index length() const { return learning_rates.size(); }
  /// T, or `max_steps` if it is not 0.
  Index steps_taken() const { return max_steps == 0 ? length() : max_steps; }
  /// Whether there are hyperparameters.
  bool has_hyperparameters() const { return hyperparameters.shape().rank() > 0; }

  /// @throws ShapeError if the parts do not fit one another, ArgumentError if momentum or max_steps are out of range.
  void validate() const {
    if (x.empty()) throw ShapeError("InnerLoop: needs at least one step");
    if (theta0.shape().rank() != 1) throw ShapeError("InnerLoop: theta0 must be (P), got ", theta0.shape());
    if (hyperparameters.shape().rank() > 1) {
      throw ShapeError("InnerLoop: hyperparameters must be (H), got ", hyperparameters.shape());
    }
    if (y.size() != x.size()) {
      throw ShapeError("InnerLoop: ", x.size(), " steps of x need as many of y, got ", y.size());
    }
    for (std::size_t s = 0; s < x.size(); ++s) {
      detail::require_batch("InnerLoop", "each x", x[s].shape());
      detail::require_batch("InnerLoop", "each y", y[s].shape());
      if (x[s].shape()[0] != y[s].shape()[0]) {
        throw ShapeError("InnerLoop: in step ", s, " x is ", x[s].shape(), " but y is ", y[s].shape(),
                         "; their numbers of samples differ");
      }
      if (x[s].shape() != x[0].shape() || y[s].shape() != y[0].shape()) {
        throw ShapeError("InnerLoop: every step needs samples of one shape, step 0 has ", x[0].shape(), " and ",
                         y[0].shape(), ", step ", s, " ", x[s].shape(), " and ", y[s].shape());
      }
    }
    if (learning_rates.shape().rank() != 2 || learning_rates.shape()[1] != steps()) {
      throw ShapeError("InnerLoop: learning rates must be (epochs, ", steps(), "), got ", learning_rates.shape());
    }
    detail::require_row_major("InnerLoop", "the learning rates", learning_rates.shape());
    if (!(momentum >= 0 && momentum < 1)) {
      throw ArgumentError("InnerLoop: the momentum must be in [0, 1), got ", momentum);
    }
    if (max_steps < 0 || max_steps > length()) {
      throw ArgumentError("InnerLoop: cannot stop after ", max_steps, " of ", length(), " steps");
    }
  }
};

}  // namespace hypertape::inline HYPERTAPE_ABI
