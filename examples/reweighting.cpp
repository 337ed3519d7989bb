// Learning from wrong labels: a small network computes a weight for each training example from the example's loss in a
// model trained with equal weights (after Shu et al. 2019). Its parameters phi are learned so that training with these
// weights does well on a few clean examples. Two hypergradients agree: through the unrolled training, and the implicit
// one at its end.

#include <hypertape/hypertape.hpp>
#include <iostream>

using namespace hypertape;

int main() {
  constexpr Index N = 200, features = 10, clean = 40, tests = 2000;
  Random random(1);
  // Two classes that differ in every feature; three in ten training labels are wrong.
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
  sample(tests, x_test, y_test);
  std::vector<std::size_t> wrong;  // 1 where the label is wrong
  for (Index n = 0; n < N; ++n) {
    wrong.push_back(random.uniform() < 0.3 ? 1 : 0);
    if (wrong.back() == 1) y[n] = -y[n];
  }

  using Data = std::span<const Var<double>>;  // features, labels, and losses in the model with equal weights
  const nn::Mlp weight_net({1, 8, 1}, nn::Activation::tanh);
  const auto losses = [](Var<double> theta, Data data) {  // per example
    return softplus(-data[1] * linear(data[0], reshape(theta, {1, features})));
  };
  const auto plain = [&](Var<double> theta, Data data) { return mean(losses(theta, data)) + 0.01 * dot(theta, theta); };
  const auto weighted = [&](Var<double> theta, Data data, Var<double> phi) {
    return mean(sigmoid(weight_net(phi, data[2])) * losses(theta, data)) + 0.01 * dot(theta, theta);
  };

  InnerLoop<double> loop{Tensor<double>(Shape{features}), {x}, {y}, Tensor<double>(Shape{200, 1}, 1)};
  const Tensor<double> theta_all = Unroll<double>(plain).train(loop);
  Tape<double> tape;
  loop.extra = {{losses(tape.leaf(theta_all), std::array{tape.leaf(x), tape.leaf(y)}).value()}};
  loop.hyperparameters = weight_net.parameters().initialize<double>(nn::Initializer::xavier_normal, 1, random);

  const auto clean_loss = [&](Var<double> theta) {
    return mean(losses(theta, std::array{theta.tape().leaf(x_clean), theta.tape().leaf(y_clean)}));
  };
  const auto report = [&](const char* what, const Tensor<double>& theta) {
    const auto margin = tape.leaf(y_test) * linear(tape.leaf(x_test), reshape(tape.leaf(theta), {1, features}));
    const auto errors = std::ranges::count_if(margin.value().values(), [](double value) { return value <= 0; });
    std::cout << what << ": " << 100.0 * static_cast<double>(errors) / tests << " % of the test examples are wrong\n";
  };
  report("examples of equal weight", theta_all);
  Unroll<double> unroll(weighted, {.differentiate = {.x = false}});
  Implicit<double> implicit(weighted, {.differentiate = {.x = false}});
  optim::Optimizer<double> adam(optim::Adam{});
  for (int iteration = 0; iteration <= 50; ++iteration) {
    const auto& h = unroll(loop, clean_loss);
    if (iteration % 25 == 0) {
      std::cout << "iteration " << iteration << ": loss of clean examples " << h.outer_loss
                << ", cosine of both hypergradients " << compare(implicit(loop, clean_loss), h).cosine << '\n';
    }
    adam.step(loop.hyperparameters.values(), h.hyperparameters.values(), 0.1);
  }
  report("learned weights", unroll.train(loop));
  const auto weights = sigmoid(weight_net(tape.leaf(loop.hyperparameters), tape.leaf(loop.extra[0][0]))).value();
  std::array<double, 2> sum{}, count{};  // for right labels, and for wrong ones
  for (Index n = 0; n < N; ++n) {
    const std::size_t kind = wrong[static_cast<std::size_t>(n)];
    sum[kind] += weights[n];
    ++count[kind];
  }
  std::cout << "mean weight of wrong labels " << sum[1] / count[1] << ", of right ones " << sum[0] / count[0] << '\n';
}
