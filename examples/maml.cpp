// Few-shot learning of sine waves (MAML, Finn, Abbeel and Levine 2017): learns initial weights from which one gradient
// step on ten points of a new wave gives a good model of it. The meta-gradient is the mean over tasks of the
// hypergradient with respect to theta_0, either exact or first-order, without Hessians. Each task is an inner loop;
// threads share the tasks.

#include <hypertape/hypertape.hpp>
#include <iostream>
#include <numbers>

using namespace hypertape;

/// Ten points of a wave to train on, and ten others to test with.
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
  const WorkerTeam team;
  std::vector<BatchGradient<double>> test;  // one per worker
  for (int w = 0; w < team.size(); ++w) test.emplace_back(loss);

  /// Meta-learns initial weights and prints how well they adapt to new waves.
  const auto learn = [&](const char* what, int iterations, bool first_order) {
    UnrollEnsemble<double> ensemble(loss, {.differentiate = {.x = false}, .first_order = first_order}, team);
    Random random(1);
    auto theta0 = net.parameters().initialize<double>(nn::Initializer::xavier_normal, 1, random);
    const auto adapt = [&](std::uint64_t first, std::uint64_t count) -> const Hypergradient<double>& {
      std::vector<Task> tasks;
      std::vector<InnerLoop<double>> loops;
      for (std::uint64_t i = 0; i < count; ++i) {
        const Task& task = tasks.emplace_back(first + i);
        loops.push_back({theta0, {task.x}, {task.y}, Tensor<double>(Shape{1, 1}, 0.02)});
      }
      return ensemble(loops, [&](Index i, int worker) {
        const Task& task = tasks[static_cast<std::size_t>(i)];
        auto& of_batch = test[static_cast<std::size_t>(worker)];
        return [&](const auto& theta, auto& g) { return of_batch(theta, task.x_test, task.y_test, g); };
      });
    };
    optim::Optimizer<double> adam(optim::Adam{});
    constexpr std::uint64_t tasks = 32, held_out = 1000000;
    for (int iteration = 0; iteration < iterations; ++iteration) {
      const Hypergradient<double>& h = adapt(static_cast<std::uint64_t>(iteration) * tasks, tasks);
      adam.step(theta0.values(), h.theta0.values(), 0.005);
    }
    std::cout << what << ": squared error " << adapt(held_out, 400).outer_loss << " after one step on a new wave\n";
  };
  learn("random weights", 0, false);
  learn("first order", 300, true);
  learn("MAML", 300, false);
}
