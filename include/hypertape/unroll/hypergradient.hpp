#pragma once

#include <cmath>

#include "hypertape/core/error.hpp"
#include "hypertape/unroll/inner_loop.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

/// dL with respect to all inputs of an inner loop. Each derivative has the place and shape of the input in the loop:
/// `h.theta0`, `h.x[s]`, `h.learning_rates`, `h.rule["momentum"]`, `h.hyperparameters`. Data whose derivative was not
/// requested is absent. The learning rate of a step that was not taken, or lies before a window, has derivative 0.
template <class T>
struct Hypergradient : InnerLoop<T> {
  T outer_loss = 0;           ///< L
  Tensor<T> inner_losses{};   ///< (epochs, steps): l(theta_t, x_s, y_s) before step t; 0 for steps not taken
  Tensor<T> theta_T{};        ///< (P), the trained weights
  optim::State<T> state_T{};  ///< the rule's state after training; training can continue from it and theta_T
};

namespace detail {

/// Requires finite derivatives. @throws DivergenceError otherwise, naming the derivative.
template <class T>
void require_finite_derivatives(const Hypergradient<T>& h) {
  const auto expect_finite = [](const InputName& name, const Tensor<T>& tensor) {
    if (tensor.all_finite()) return;
    throw DivergenceError("hypergradient: the derivative with respect to ", name, " is not finite");
  };
  for_each_input(expect_finite, h);
}

/// Requires a finite inner loss. @throws DivergenceError otherwise, naming the step.
template <class T>
void require_finite_inner_loss(T loss, Index step) {
  if (std::isfinite(loss)) return;
  throw DivergenceError("hypergradient: the inner loss is ", std::isnan(loss) ? "NaN" : "infinite", " at inner step ",
                        step);
}

/// Requires finite weights. @throws DivergenceError otherwise, with the number of steps.
template <class T>
void require_finite_weights(const Tensor<T>& theta, Index steps) {
  if (theta.all_finite()) return;
  throw DivergenceError("hypergradient: the weights are not finite after ", steps, " inner steps");
}

/// Bytes held by a hypergradient.
template <class T>
std::size_t reserved_bytes(const Hypergradient<T>& h) {
  return input_bytes(h) + h.inner_losses.reserved_bytes() + h.theta_T.reserved_bytes() + h.state_T.reserved_bytes();
}

}  // namespace detail

}  // namespace hypertape::inline HYPERTAPE_ABI
