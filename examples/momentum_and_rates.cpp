// Learns the momentum and a learning rate for each of a thousand steps, starting from momentum 0, by the hypergradient
// through all of them. Storing all thousand steps would take more memory than allowed: a memory budget decides what to
// store.

#include <hypertape/hypertape.hpp>
#include <iostream>

using namespace hypertape;

int main() {
  constexpr Index points = 128, steps = 1000;
  const nn::Mlp net({2, 20, 1}, nn::Activation::tanh);
  const auto loss = [&](Var<double> theta, Var<double> x, Var<double> y) {
    return mean_squared_error(net(theta, x), y);
  };
  Random random(1);
  const auto sample = [&](Tensor<double>& x, Tensor<double>& y) {
    x = Tensor<double>(Shape::batch(points, 2));
    y = Tensor<double>(Shape::batch(points, 1));
    for (double& value : x.values()) value = random.uniform(-2, 2);
    for (Index i = 0; i < points; ++i) y[i] = std::sin(2 * x(i, 0)) * std::cos(x(i, 1));
  };
  Tensor<double> x, y, x_valid, y_valid;
  sample(x, y);
  sample(x_valid, y_valid);

  InnerLoop<double> loop;
  loop.theta0 = net.parameters().initialize<double>(nn::Initializer::xavier_normal, 1, random);
  loop.x = {x};
  loop.y = {y};
  loop.learning_rates = Tensor<double>(Shape{steps, 1}, 0.02);
  loop.rule = optim::HeavyBall{.momentum = 0};

  constexpr std::size_t budget = 64'000'000;
  Unroll<double> unroll(loss, {.differentiate = {.x = false}, .schedule = Schedule::memory_budget(budget)});
  const Unroll<double> greedy(loss, {.differentiate = {.x = false}});
  BatchGradient<double> validation(loss);
  optim::Optimizer<double> adam_momentum(optim::Adam{}), adam_rates(optim::Adam{});
  for (int iteration = 0;; ++iteration) {
    const auto& h = unroll(loop, [&](const auto& theta, auto& g) { return validation(theta, x_valid, y_valid, g); });
    double& momentum = loop.rule["momentum"];
    if (iteration % 5 == 0) {
      std::cout << "iteration " << iteration << ": momentum " << momentum << ", rates " << loop.learning_rates[0]
                << " to " << loop.learning_rates[steps - 1] << ", validation loss " << h.outer_loss << '\n';
    }
    if (iteration == 20) break;
    adam_momentum.step({&momentum, 1}, std::array{h.rule["momentum"]}, 0.04);
    momentum = std::clamp(momentum, 0.0, 0.95);
    adam_rates.step(loop.learning_rates.values(), h.learning_rates.values(), 0.002);
  }
  const auto megabytes = [](std::size_t bytes) { return static_cast<double>(bytes) / 1e6; };
  std::cout << "memory: " << megabytes(unroll.reserved_bytes()) << " MB of " << megabytes(budget)
            << "; a record of every step would take " << megabytes(greedy.predicted_bytes(loop)) << " MB\n";
}
