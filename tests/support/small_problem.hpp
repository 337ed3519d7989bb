#pragma once

#include "hypertape/kernels/reduce_kernels.hpp"
#include "hypertape/nn/mlp.hpp"
#include "hypertape/ops/losses.hpp"
#include "hypertape/unroll/inner_loop.hpp"
#include "support/random_tensor.hpp"

/// A small, smooth training problem: a tanh network of widths 4-5-3 and soft labels.
namespace hypertape::testing {

inline const nn::Mlp& small_network() {
  static const nn::Mlp network({4, 5, 3}, nn::Activation::tanh);
  return network;
}

/// Softmax cross-entropy of the small network: the inner loss, and the outer loss on other data.
struct SmallLoss {
  template <class T>
  Var<T> operator()(Var<T> theta, Var<T> x, Var<T> y) const {
    return softmax_cross_entropy(small_network()(theta, x), y);
  }
};

/// Labels are positive weights that do not sum to one, as nothing may rely on that.
template <class T>
InnerLoop<T> small_loop(Index steps, Index epochs, Index samples = 6) {
  InnerLoop<T> loop;
  loop.theta0 = random_tensor<T>(Shape{small_network().parameters().size()}, 11);
  for (Index s = 0; s < steps; ++s) {
    const auto seed = static_cast<std::uint64_t>(s);
    loop.x.push_back(random_tensor<T>(Shape::batch(samples, 4), 20 + seed));
    loop.y.push_back(positive_tensor<T>(Shape::batch(samples, 3), 30 + seed));
  }
  loop.learning_rates = positive_tensor<T>(Shape{epochs, steps}, 40);
  return loop;
}

inline constexpr Index small_first_layer = 25;  ///< weights and biases of the small network's

/// An outer loss: half the weighted square of theta, with weights 0, 1, 2, 0, ...
inline double weighted_square(const Tensor<double>& theta, Tensor<double>& gradient_out) {
  gradient_out = theta;
  for (Index i = 0; i < theta.size(); ++i) gradient_out[i] *= static_cast<double>(i % 3);
  return kernels::dot(theta.size(), theta.data(), gradient_out.data()) / 2;
}

}  // namespace hypertape::testing
