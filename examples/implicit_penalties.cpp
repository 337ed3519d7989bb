// Ten thousand hyperparameters by implicit differentiation (after Lorraine, Vicol and Duvenaud 2020): logistic
// regression with an L2 penalty for each feature, ten of which matter. Each outer step continues training where the
// last one ended, and solves a linear system with the Hessian there; no training step is stored.

#include <hypertape/hypertape.hpp>
#include <iostream>

using namespace hypertape;

namespace {

constexpr Index features = 10'000, informative = 10;

/// Draws random features, and labels 0 or 1 by the sign of the sum of the informative ones.
void draw(Random& random, Index samples, Tensor<float>& x, Tensor<float>& y) {
  x = Tensor<float>(Shape::batch(samples, features));
  y = Tensor<float>(Shape::batch(samples, 1));
  for (float& value : x.values()) value = static_cast<float>(random.normal());
  for (Index n = 0; n < samples; ++n) {
    float sum = 0;
    for (Index i = 0; i < informative; ++i) sum += x(n, i);
    y[n] = sum > 0 ? 1.0F : 0.0F;
  }
}

Var<float> logistic(Var<float> theta, Var<float> x, Var<float> y) {
  const Var<float> z = linear(x, reshape(theta, {1, features}));
  return mean(softplus(z) - y * z);
}

Var<float> penalized(Var<float> theta, Var<float> x, Var<float> y, Var<float> log_penalties) {
  return logistic(theta, x, y) + 0.5F * dot(exp(log_penalties), square(theta));
}

/// The geometric mean of the penalties.
double mean_penalty(const Tensor<float>& log_penalties, Range range) {
  double sum = 0;
  for (Index i = range.begin; i < range.end; ++i) sum += static_cast<double>(log_penalties[i]);
  return std::exp(sum / static_cast<double>(range.size()));
}

}  // namespace

int main() {
  Random random(1);
  InnerLoop<float> loop;
  Tensor<float> x_valid, y_valid, x_test, y_test;
  draw(random, 200, loop.x.emplace_back(), loop.y.emplace_back());
  draw(random, 1000, x_valid, y_valid);
  draw(random, 1000, x_test, y_test);
  loop.theta0 = Tensor<float>(Shape{features});
  loop.hyperparameters = Tensor<float>(Shape{features}, std::log(0.5F));
  loop.learning_rates = Tensor<float>(Shape{60, 1}, 0.1F);
  loop.rule = optim::HeavyBall{.momentum = 0.7};

  Implicit<float> implicit(&penalized, {.differentiate = {.x = false}});
  BatchGradient<float> mean_loss(&logistic);
  optim::Optimizer<float> descent;
  for (int iteration = 0;; ++iteration) {
    const auto& h = implicit(loop, [&](const auto& theta, auto& g) { return mean_loss(theta, x_valid, y_valid, g); });
    if (iteration % 5 == 0) {
      Tensor<float> unused(h.theta_T.shape());
      std::cout << "iteration " << iteration << ": validation loss " << h.outer_loss << ", test loss "
                << mean_loss(h.theta_T, x_test, y_test, unused) << '\n';
    }
    if (iteration == 10) break;
    loop.theta0 = h.theta_T;
    descent.step(loop.hyperparameters.values(), h.hyperparameters.values(), 300);
  }
  std::cout << "penalties: " << mean_penalty(loop.hyperparameters, {0, informative})
            << " for the features that matter, " << mean_penalty(loop.hyperparameters, {informative, features})
            << " for the others\n";
}
