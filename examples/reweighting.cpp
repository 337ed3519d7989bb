// Learning from wrong labels: a small network gives each training example a weight, by the example's loss in a model
// that was trained on all of them alike (after Shu et al. 2019). Its weights phi are learned so that training with the
// examples' weights does well on a few clean examples: by the hypergradient through the unrolled training, and by the
// implicit one at its end, which agree.

#include <hypertape/hypertape.hpp>
#include <iostream>

using namespace hypertape;

int main() {
  constexpr Index N = 200, features = 10, clean = 40;
  Random random(1);
  // Two classes, apart along every feature; of the training labels three in ten are wrong.
  const auto sample = [&](Index n, Tensor<double>& x, Tensor<double>& y) {
    x = Tensor<double>(Shape::batch(n, features));
    y = Tensor<double>(Shape::batch(n, 1));  // -1 or 1
    for (Index i = 0; i < n; ++i) {
      y[i] = random.uniform() < 0.5 ? -1 : 1;
      for (Index k = 0; k < features; ++k) x(i, k) = random.normal() + 0.5 * y[i];
    }
  };
  Tensor<double> x, y, x_clean, y_clean, x_test, y_test;
  sample(N, x, y);
  sample(clean, x_clean, y_clean);
  sample(2000, x_test, y_test);
  std::vector<bool> wrong;
  for (Index n = 0; n < N; ++n) {
    wrong.push_back(random.uniform() < 0.3);
    if (wrong.back()) y[n] = -y[n];
  }

  using Data = std::span<const Var<double>>;  // features, labels, and losses in the model trained on all alike
  const nn::Mlp weight_net({1, 8, 1}, nn::Activation::tanh);
  const auto losses = [](Var<double> theta, Data data) {  // of each example
    return softplus(-data[1] * linear(data[0], reshape(theta, {1, features})));
  };
  const auto weighted = [&](Var<double> theta, Data data, Var<double> phi) {
    return mean(sigmoid(weight_net(phi, data[2])) * losses(theta, data)) + 0.01 * dot(theta, theta);
  };
  const auto plain = [&](Var<double> theta, Data data) { return mean(losses(theta, data)) + 0.01 * dot(theta, theta); };

  InnerLoop<double> loop{Tensor<double>(Shape{features}), {x}, {y}, Tensor<double>(Shape{200, 1}, 1)};
  const Tensor<double> theta_all = Unroll<double, decltype(plain)>(plain).train(loop);
  Tape<double> tape;
  loop.extra = {{losses(tape.leaf(theta_all), std::array{tape.leaf(x), tape.leaf(y)}).value()}};
  loop.hyperparameters = weight_net.parameters().initialize<double>(nn::Initializer::xavier_normal, 1, random);

  const auto clean_loss = [&](Var<double> theta) {
    return mean(losses(theta, std::array{theta.tape().leaf(x_clean), theta.tape().leaf(y_clean)}));
  };
  const auto test = [&](const char* what, const Tensor<double>& theta) {
    Index errors = 0;
    for (Index n = 0; n < x_test.shape()[0]; ++n) {
      double logit = 0;
      for (Index k = 0; k < features; ++k) logit += theta[k] * x_test(n, k);
      errors += logit * y_test[n] <= 0 ? 1 : 0;
    }
    std::cout << what << ": " << 100.0 * static_cast<double>(errors) / static_cast<double>(x_test.shape()[0])
              << " % of the test examples are taken for the wrong class\n";
  };
  test("all examples alike", theta_all);
  Unroll<double, decltype(weighted)> unroll(weighted, {.differentiate = {.x = false}});
  Implicit<double, decltype(weighted)> implicit(weighted, {.differentiate = {.x = false}});
  optim::Optimizer<double> adam(optim::Adam{});
  for (int iteration = 0;; ++iteration) {
    const auto& h = unroll(loop, clean_loss);
    if (iteration % 50 == 0) {
      const Tensor<double>& other = implicit(loop, clean_loss).hyperparameters;
      Hypergradient<double> unrolled, at_end;
      unrolled.hyperparameters = h.hyperparameters;
      at_end.hyperparameters = other;
      std::cout << "iteration " << iteration << ": loss of clean examples " << h.outer_loss
                << "; cosine of the unrolled and the implicit hypergradient " << compare(at_end, unrolled).cosine
                << '\n';
    }
    if (iteration == 100) {
      test("weighted examples", h.theta_T);
      break;
    }
    adam.step(loop.hyperparameters.values(), h.hyperparameters.values(), 0.1);
  }
  Tensor<double> weights = sigmoid(weight_net(tape.leaf(loop.hyperparameters), tape.leaf(loop.extra[0][0]))).value();
  double of_wrong = 0, of_right = 0, wrong_count = 0;
  for (Index n = 0; n < N; ++n) {
    const bool is_wrong = wrong[static_cast<std::size_t>(n)];
    (is_wrong ? of_wrong : of_right) += weights[n];
    wrong_count += is_wrong ? 1 : 0;
  }
  std::cout << "mean weight of wrong labels " << of_wrong / wrong_count << ", of right ones "
            << of_right / (N - wrong_count) << '\n';
}
