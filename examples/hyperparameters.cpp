// Hyperparameter optimization by gradient descent (after Maclaurin, Duvenaud and Adams 2015): the validation loss after
// training is differentiated with respect to one L2 penalty per weight tensor and to the learning rate of every step.

#include <hypertape/hypertape.hpp>
#include <iostream>

using namespace hypertape;

int main() {
  const nn::Mlp net({1, 20, 1}, nn::Activation::tanh);
  const auto& groups = net.parameters().entries();
  const auto count = static_cast<Index>(groups.size());

  // Few, noisy samples to train on, more to validate with.
  Random random(1);
  const auto sample = [&](Index n, Tensor<double>& x, Tensor<double>& y) {
    x = y = Tensor<double>(Shape{n, 1});
    for (double& value : x.values()) value = random.uniform(-3, 3);
    for (Index i = 0; i < n; ++i) y[i] = std::sin(x[i]) + 0.3 * random.normal();
  };
  Tensor<double> x, y, x_valid, y_valid;
  sample(12, x, y);
  sample(200, x_valid, y_valid);

  const auto error = [&](Var<double> theta, Var<double> inputs, Var<double> targets) {
    return mean_squared_error(net(theta, inputs), targets);
  };
  // Penalties are positive, so their logarithms are learned.
  const auto inner = [&](Var<double> theta, Var<double> inputs, Var<double> targets, Var<double> log_penalties) {
    Var<double> loss = error(theta, inputs, targets);
    for (Index i = 0; i < count; ++i) {
      const Var<double> group = net.parameters().get(theta, static_cast<std::size_t>(i));
      loss = loss + exp(log_penalties.slice(i, Shape{})) * dot(group, group);
    }
    return loss;
  };

  InnerLoop<double> loop;
  loop.theta0 = net.parameters().initialize<double>(nn::Initializer::xavier_normal, 1, random);
  loop.x = {x};
  loop.y = {y};
  loop.learning_rates = Tensor<double>(Shape{100, 1}, 0.1);
  loop.hyperparameters = Tensor<double>(Shape{count}, -9.0);
  Unroll<double> unroll(inner, {.differentiate = {.x = false}});
  BatchGradient<double> validation(error);
  optim::Optimizer<double> adam_penalties(optim::Adam{}), adam_rates(optim::Adam{});

  for (int iteration = 0;; ++iteration) {
    const auto& h = unroll(loop, [&](const auto& theta, auto& g) { return validation(theta, x_valid, y_valid, g); });
    if (iteration % 50 == 0) std::cout << "iteration " << iteration << ": validation loss " << h.outer_loss << '\n';
    if (iteration == 200) break;
    adam_penalties.step(loop.hyperparameters.values(), h.hyperparameters.values(), 0.05);
    adam_rates.step(loop.learning_rates.values(), h.learning_rates.values(), 0.002);
  }
  for (Index i = 0; i < count; ++i) {
    std::cout << groups[static_cast<std::size_t>(i)].name << ": penalty " << std::exp(loop.hyperparameters[i]) << '\n';
  }
  std::cout << "learning rates: " << loop.learning_rates[0] << " at first, " << loop.learning_rates[99] << " at last\n";
}
