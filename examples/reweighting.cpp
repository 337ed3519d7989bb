// Finding wrong labels: each training example has a weight of its own, and the weights are learned so that training
// with them does well on a few clean examples (after Ren et al. 2018, here through the whole training run).

#include <hypertape/hypertape.hpp>
#include <iostream>

using namespace hypertape;

int main() {
  constexpr Index N = 200, features = 10, clean = 40;
  Random random(1);
  // Two classes, apart along every feature; of the training labels three in ten are wrong.
  const auto sample = [&](Index n, Tensor<double>& x, Tensor<double>& y) {
    x = Tensor<double>(Shape::batch(n, features));
    std::vector<std::int32_t> classes;
    for (Index i = 0; i < n; ++i) {
      classes.push_back(random.uniform() < 0.5 ? 0 : 1);
      for (Index k = 0; k < features; ++k) x(i, k) = random.normal() + (classes.back() == 0 ? -0.5 : 0.5);
    }
    y = one_hot<double>(classes, 2);
  };
  Tensor<double> x, y, x_clean, y_clean;
  sample(N, x, y);
  sample(clean, x_clean, y_clean);
  std::vector<bool> wrong;
  for (Index n = 0; n < N; ++n) {
    wrong.push_back(random.uniform() < 0.3);
    if (wrong.back()) std::swap(y(n, 0), y(n, 1));
  }

  const nn::Mlp net({features, 2});
  const auto loss = [&](Var<double> theta, Var<double> inputs, Var<double> labels) {
    return softmax_cross_entropy(net(theta, inputs), labels);
  };
  // phi (N): the weight of example n is sigmoid(phi_n).
  const auto weighted = [&](Var<double> theta, Var<double> inputs, Var<double> labels, Var<double> phi) {
    const Var<double> of_each = sum_over_features(labels * log_softmax(net(theta, inputs)));
    return -dot(sigmoid(phi), of_each) / static_cast<double>(N);
  };

  InnerLoop<double> loop{Tensor<double>(Shape{net.parameters().size()}), {x}, {y}, Tensor<double>(Shape{50, 1}, 0.5)};
  loop.hyperparameters = Tensor<double>(Shape{N});
  Unroll<double, decltype(weighted)> unroll(weighted, {.differentiate = {.x = false}});
  BatchGradient<double, decltype(loss)> outer(loss);
  optim::Optimizer<double> adam(optim::Adam{});
  for (int iteration = 0;; ++iteration) {
    const auto& h = unroll(loop, [&](const auto& theta, auto& g) { return outer(theta, x_clean, y_clean, g); });
    if (iteration % 50 == 0)
      std::cout << "iteration " << iteration << ": loss of clean examples " << h.outer_loss << '\n';
    if (iteration == 100) break;
    adam.step(loop.hyperparameters.values(), h.hyperparameters.values(), 0.1);
  }
  int found = 0, all = 0, right = 0;
  for (Index n = 0; n < N; ++n) {
    const bool suspected = loop.hyperparameters[n] < 0, is_wrong = wrong[static_cast<std::size_t>(n)];
    all += is_wrong;
    found += suspected && is_wrong;
    right += suspected && !is_wrong;
  }
  std::cout << "weights below one half: " << found << " of " << all << " wrong labels, " << right << " right ones\n";
}
