// Feature selection: logistic regression on 50 features, ten of them useful, trained by Adam with an L2 penalty for
// each weight. The penalties are learned by the hypergradient of a validation loss through Adam.

#include <hypertape/hypertape.hpp>
#include <iostream>

using namespace hypertape;

int main() {
  constexpr Index features = 50, useful = 10;
  Random random(1);
  // Two classes, y = -1 and 1, drawn with the logit x_1 + .. + x_10.
  const auto sample = [&](Index n, Tensor<double>& x, Tensor<double>& y) {
    x = Tensor<double>(Shape::batch(n, features));
    y = Tensor<double>(Shape::batch(n, 1));
    for (double& value : x.values()) value = random.normal();
    for (Index i = 0; i < n; ++i) {
      double logit = 0;
      for (Index k = 0; k < useful; ++k) logit += x(i, k);
      y[i] = random.uniform() < 1 / (1 + std::exp(-logit)) ? 1 : -1;
    }
  };
  Tensor<double> x, y, x_valid, y_valid, x_test, y_test;
  sample(100, x, y);
  sample(500, x_valid, y_valid);
  sample(10000, x_test, y_test);

  const auto loss = [](Var<double> theta, Var<double> inputs, Var<double> labels) {
    return mean(softplus(-labels * linear(inputs, reshape(theta, {1, features}))));
  };
  // Penalties are positive, so their logarithms are learned.
  const auto inner = [&](Var<double> theta, Var<double> inputs, Var<double> labels, Var<double> log_penalties) {
    return loss(theta, inputs, labels) + dot(exp(log_penalties), square(theta));
  };

  InnerLoop<double> loop{Tensor<double>(Shape{features}), {x}, {y}, Tensor<double>(Shape{100, 1}, 0.05)};
  loop.rule = optim::Adam{};
  loop.hyperparameters = Tensor<double>(Shape{features}, -5.0);
  Unroll<double> unroll(inner, {.differentiate = {.x = false}});
  BatchGradient<double> validation(loss);
  const auto report = [&](const char* what) {
    Tensor<double> unused;
    std::cout << what << ": test loss " << validation(unroll.train(loop), x_test, y_test, unused) << '\n';
  };

  report("equal penalties");
  optim::Optimizer<double> adam(optim::Adam{});
  for (int iteration = 0; iteration < 100; ++iteration) {
    const auto& h = unroll(loop, [&](const auto& theta, auto& g) { return validation(theta, x_valid, y_valid, g); });
    adam.step(loop.hyperparameters.values(), h.hyperparameters.values(), 0.1);
  }
  report("learned penalties");
  const auto mean_penalty = [&](Index begin, Index end) {  // geometric mean
    double sum = 0;
    for (Index k = begin; k < end; ++k) sum += loop.hyperparameters[k];
    return std::exp(sum / static_cast<double>(end - begin));
  };
  std::cout << "useful features: penalty " << mean_penalty(0, useful) << ", others: " << mean_penalty(useful, features)
            << '\n';
}
