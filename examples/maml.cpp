// Few-shot learning on sinusoids (MAML, Finn, Abbeel and Levine 2017): initial weights from which one gradient step on
// ten points of a new sine wave gives a good model of it. The meta-gradient is the hypergradient by theta_0.

#include <hypertape/hypertape.hpp>
#include <iostream>
#include <numbers>

using namespace hypertape;

/// Ten points of a wave to learn from, and others of it to test with.
struct Task {
  Tensor<double> x{Shape{10, 1}}, y{Shape{10, 1}}, x_test{Shape{10, 1}}, y_test{Shape{10, 1}};

  explicit Task(std::uint64_t number) {
    Random random(7, {number});
    const double amplitude = random.uniform(0.1, 5), phase = random.uniform(0, std::numbers::pi);
    const auto draw = [&](Tensor<double>& at, Tensor<double>& values) {
      for (Index i = 0; i < at.size(); ++i) {
        at[i] = random.uniform(-5, 5);
        values[i] = amplitude * std::sin(at[i] + phase);
      }
    };
    draw(x, y);
    draw(x_test, y_test);
  }
};

int main() {
  const nn::Mlp net({1, 40, 40, 1}, nn::Activation::tanh);
  const auto loss = [&](Var<double> theta, Var<double> x, Var<double> y) {
    return mean_squared_error(net(theta, x), y);
  };
  Unroll<double, decltype(loss)> unroll(loss, {.differentiate = {.x = false}});
  BatchGradient<double, decltype(loss)> test(loss);

  Random random(1);
  InnerLoop<double> loop;
  loop.theta0 = net.parameters().initialize<double>(nn::Initializer::xavier_normal, 1, random);
  loop.learning_rates = Tensor<double>(Shape{1, 1}, 0.02);
  const auto adapt = [&](const Task& task) -> const Hypergradient<double>& {
    loop.x = {task.x};
    loop.y = {task.y};
    return unroll(loop, [&](const auto& theta, auto& g) { return test(theta, task.x_test, task.y_test, g); });
  };
  const auto report = [&](const char* when) {
    double error = 0;
    for (std::uint64_t number = 0; number < 100; ++number) error += adapt(Task(1000000 + number)).outer_loss / 100;
    std::cout << when << ": squared error " << error << " after one step on a new wave\n";
  };

  report("random weights");
  optim::Optimizer<double> adam(optim::Adam{});
  constexpr std::uint64_t iterations = 1000, tasks = 10;
  for (std::uint64_t iteration = 0; iteration < iterations; ++iteration) {
    Tensor<double> mean(loop.theta0.shape());
    for (std::uint64_t task = 0; task < tasks; ++task) {
      const Hypergradient<double>& h = adapt(Task(iteration * tasks + task));
      for (Index i = 0; i < mean.size(); ++i) mean[i] += h.theta0[i] / static_cast<double>(tasks);
    }
    adam.step(loop.theta0.values(), mean.values(), 0.003);
  }
  report("meta-learned weights");
}
