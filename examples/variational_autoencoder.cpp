// A variational autoencoder (Kingma and Welling 2014) of points on a circle. An encoder gives the mean and deviation of
// one latent number; a sample is mean + deviation times noise, so that derivatives go through it.

#include <hypertape/hypertape.hpp>
#include <iostream>
#include <numbers>

using namespace hypertape;

constexpr Index width = 16;

/// A network with one hidden layer, (N, in) -> (N, out), with weights from theta starting at `next`.
Var<double> network(Var<double> theta, Index& next, Var<double> x, Index out) {
  const auto take = [&](const Shape& shape) { return theta.slice(std::exchange(next, next + shape.size()), shape); };
  const Var<double> hidden = tanh(matmul(x, take({x.shape()[1], width})) + take({width}));
  return matmul(hidden, take({width, out})) + take({out});
}
constexpr Index weights = (2 * width + width + 2 * width + 2) + (width + width + 2 * width + 2);

/// The negative evidence lower bound of points x (N, 2) with noise (N, 1), up to a constant: |x - decoded|^2 / (2 s^2)
/// with s = 0.2, plus the KL divergence of N(mean, deviation^2) from N(0, 1).
Var<double> loss(Var<double> theta, Var<double> x, Var<double> noise) {
  Index next = 0;
  const Var<double> encoded = network(theta, next, x, 2);
  const Var<double> mean_of_latent = narrow(encoded, 1, 0, 1), log_deviation = narrow(encoded, 1, 1, 1);
  const Var<double> latent = mean_of_latent + exp(log_deviation) * noise;
  const Var<double> decoded = network(theta, next, latent, 2);
  const Var<double> divergence = 0.5 * (square(mean_of_latent) + exp(2 * log_deviation) - 1) - log_deviation;
  return mean(sum(square(x - decoded), 1)) / (2 * 0.04) + mean(divergence);
}

int main() {
  constexpr Index N = 64;
  Random random(1);
  Tensor<double> theta({weights}), x({N, 2}), noise({N, 1});
  for (double& value : theta.values()) value = 0.5 * random.normal();

  optim::Optimizer<double> adam(optim::Adam{});
  double average = 0;
  for (int step = 1; step <= 2000; ++step) {
    for (Index n = 0; n < N; ++n) {
      const double angle = random.uniform(0, 2 * std::numbers::pi);
      x(n, 0) = std::cos(angle);
      x(n, 1) = std::sin(angle);
      noise[n] = random.normal();
    }
    const auto [value, slope] =
        value_and_gradient([&](Var<double> w) { return loss(w, w.tape().leaf(x), w.tape().leaf(noise)); }, theta);
    average += value / 500;
    adam.step(theta.values(), slope.values(), 0.01);
    if (step % 500 != 0) continue;
    std::cout << "steps to " << step << ": loss " << average << '\n';
    average = 0;
  }
}
