#pragma once

#include "hypertape/ops/activations.hpp"
#include "hypertape/ops/arithmetic.hpp"
#include "hypertape/ops/linear.hpp"
#include "hypertape/optim/custom_rule.hpp"

/// A learned optimizer (Andrychowicz et al. 2016, without recurrence).
namespace hypertape::testing {

/// The number of weights of its network.
inline constexpr Index learned_optimizer_size = 16;

/// The rule: a network with one hidden layer of four tanh units, shared by all weights, maps a weight's gradient and
/// velocity to its step. The network's weights are phi.
template <class T>
auto learned_optimizer() {
  return optim::CustomRule{1, [](Var<T> theta, auto slots, Var<T> gradient, Var<T> rate, Var<T> phi) {
                             const Var<T> velocity = T(0.5) * slots[0] + gradient;
                             const auto weights = [&](Index row) { return phi.slice(4 * row, {4, 1}); };
                             const Shape each{theta.size(), 1};
                             const Var<T> hidden = tanh(linear(reshape(gradient, each), weights(0), phi.slice(4, {4})) +
                                                        linear(reshape(velocity, each), weights(2)));
                             const Var<T> update = linear(hidden, phi.slice(12, {1, 4}));
                             return optim::Stepped<T>{theta - rate * reshape(update, theta.shape()), {velocity}};
                           }};
}

}  // namespace hypertape::testing
