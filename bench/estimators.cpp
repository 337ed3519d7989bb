/// bench_estimators: times one hypergradient of each kind that the examples show: through Adam, over many tasks,
/// through a user-defined rule, for a network that weights samples, along a thousand steps within a memory budget, and
/// implicit. Before a time is printed, the result is compared with a plainer computation (double precision, one block,
/// reverse over reverse, recomputed steps; a tighter solution of the implicit equations). The exit code is 1 if it is
/// wrong.
///
/// bench/pytorch/estimators.py does the same work.

#include <array>
#include <cmath>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "check.hpp"
#include "hypertape/hypertape.hpp"
#include "random_data.hpp"
#include "tasks.hpp"

namespace hypertape::bench {
namespace {

/// The largest relative error of a tensor that both have; zero if the tensor is zero in both.
template <class T>
double error_of(const Hypergradient<T>& h, const Hypergradient<double>& expected) {
  double worst = 0;
  const auto zero = [](const auto& tensor) { return kernels::dot(tensor.size(), tensor.data(), tensor.data()) <= 0; };
  const auto add = [&](const InputName&, const Tensor<T>& a, const Tensor<double>& b) {
    worst = largest_error({worst, zero(a) && zero(b) ? 0 : relative_error(a, b)});
  };
  for_each_input(add, h, expected);
  return worst;
}

/// Options for the plainest way to the same values.
UnrollOptions plain(UnrollOptions options) {
  options.second_derivative = SecondDerivative::reverse_over_reverse;
  options.schedule = Schedule::recompute();
  options.samples_per_block = 0;
  return options;
}

/// Checks the result of the call and prints its time. @throws WrongResult
template <class Call>
void time(const Setting& setting, const std::string& name, const Call& call, const Hypergradient<double>& expected,
          double tolerance) {
  time(setting, name, call, require(name, error_of(call(), expected), tolerance));
}

/// Times one loop in double, whose outer loss is `mean_loss` on these samples.
template <class Loss, class MeanLoss>
void time_loop(const Setting& setting, const std::string& name, const InnerLoop<double>& loop, const Loss& loss,
               const MeanLoss& mean_loss, const Tensor<double>& x, const Tensor<double>& y,
               const UnrollOptions& options, double tolerance) {
  BatchGradient<double> alone(mean_loss), outer(mean_loss, setting.team, setting.block(x.shape()[0]));
  Unroll<double> exact(loss, plain(options)), unroll(loss, options, setting.team);
  const Hypergradient<double> expected =
      exact(loop, [&](const auto& theta, auto& gradient) { return alone(theta, x, y, gradient); });
  time(
      setting, name,
      [&]() -> const Hypergradient<double>& {
        return unroll(loop, [&](const auto& theta, auto& gradient) { return outer(theta, x, y, gradient); });
      },
      expected, tolerance);
}

/// Times many loops at once; the outer loss of each is `loss` on its samples in x and y.
template <class Loss>
void time_tasks(const Setting& setting, const std::string& name, const std::vector<InnerLoop<double>>& loops,
                const Loss& loss, const std::vector<Tensor<double>>& x, const std::vector<Tensor<double>>& y,
                const UnrollOptions& options, double tolerance) {
  std::vector<BatchGradient<double>> outer;  // one per worker
  for (int w = 0; w < setting.team.size(); ++w) outer.emplace_back(loss);
  const auto outer_loss = [&](Index i, int worker) {
    const auto task = static_cast<std::size_t>(i);
    return [&of_batch = outer[static_cast<std::size_t>(worker)], &x_test = x[task], &y_test = y[task]](
               const auto& theta, auto& gradient) { return of_batch(theta, x_test, y_test, gradient); };
  };
  UnrollEnsemble<double> exact(loss, plain(options)), ensemble(loss, options, setting.team);
  const Hypergradient<double> expected = exact(loops, outer_loss);
  time(
      setting, name, [&]() -> const Hypergradient<double>& { return ensemble(loops, outer_loss); }, expected,
      tolerance);
}

/// LeNet with Adam, ten steps on ten images each, three times; an outer batch of 1,024. In float.
void lenet_adam(const Setting& setting, const std::string& name) {
  const nn::LeNet net;
  const nn::ClassificationLoss loss{&net};
  Random random(1);
  InnerLoop<float> loop;
  loop.theta0 = net.parameters().initialize<float>(nn::Initializer::xavier_normal, 1, random);
  for (int s = 0; s < 10; ++s) {
    loop.x.push_back(noise<float>(Shape::batch(10, 1, 28, 28), random));
    loop.y.push_back(ten_classes<float>(10));
  }
  loop.learning_rates = Tensor<float>(Shape{3, 10}, 0.001F);
  loop.rule = optim::Adam{};
  const auto x = noise<float>(Shape::batch(1024, 1, 28, 28), random), y = ten_classes<float>(1024);

  InnerLoop<double> exact_loop;
  exact_loop.theta0 = cast<double>(loop.theta0);
  for (const auto& images : loop.x) exact_loop.x.push_back(cast<double>(images));
  for (const auto& labels : loop.y) exact_loop.y.push_back(cast<double>(labels));
  exact_loop.learning_rates = cast<double>(loop.learning_rates);
  exact_loop.rule = optim::Adam{};
  const auto x_exact = cast<double>(x), y_exact = cast<double>(y);
  // In float, Adam's first steps depend on the last digits of gradients near 0, and so do their derivatives. So the
  // same code is checked in double precision.
  const UnrollOptions options{.samples_per_block = inner_samples_per_block(10)};
  BatchGradient<double> exact_outer(loss);
  const auto outer_loss = [&](const auto& theta, auto& gradient) {
    return exact_outer(theta, x_exact, y_exact, gradient);
  };
  Unroll<double> exact(loss, plain(options)), same(loss, options, setting.team);
  const double error = error_of(same(exact_loop, outer_loss), exact(exact_loop, outer_loss));

  BatchGradient<float> outer(loss, setting.team);
  Unroll<float> unroll(loss, options, setting.team);
  const auto call = [&]() -> const Hypergradient<float>& {
    return unroll(loop, [&](const auto& theta, auto& gradient) { return outer(theta, x, y, gradient); });
  };
  time(setting, name, call, require(name, error, 1e-8));
}

/// The labels -1 and 1 in turns.
Tensor<double> signs(Index count) {
  Tensor<double> y(Shape::batch(count, 1));
  for (Index n = 0; n < count; ++n) y[n] = n % 2 == 0 ? 1 : -1;
  return y;
}

/// Logistic regression on 500 samples of 50 features with a penalty for each weight; 100 steps of Adam.
void feature_penalties(const Setting& setting, const std::string& name) {
  constexpr Index features = 50, samples = 500;
  const auto loss = [](Var<double> theta, Var<double> x, Var<double> y) {
    return mean(softplus(-y * linear(x, reshape(theta, {1, features}))));
  };
  const auto inner = [&](Var<double> theta, Var<double> x, Var<double> y, Var<double> log_penalties) {
    return loss(theta, x, y) + dot(exp(log_penalties), square(theta));
  };
  Random random(1);
  InnerLoop<double> loop{Tensor<double>(Shape{features}),
                         {noise<double>(Shape::batch(samples, features), random)},
                         {signs(samples)},
                         Tensor<double>(Shape{100, 1}, 0.05)};
  loop.rule = optim::Adam{};
  loop.hyperparameters = Tensor<double>(Shape{features}, -5.0);
  const auto x = noise<double>(Shape::batch(samples, features), random);
  time_loop(setting, name, loop, inner, loss, x, signs(samples),
            {.differentiate = {.x = false}, .samples_per_block = setting.block(samples)}, 1e-8);
}

/// One step on ten points for each of 32 tasks.
void maml(const Setting& setting, const std::string& name) {
  const nn::Mlp net({1, 40, 40, 1}, nn::Activation::tanh);
  const auto loss = [&](Var<double> theta, Var<double> x, Var<double> y) {
    return mean_squared_error(net(theta, x), y);
  };
  Random random(1);
  const auto theta0 = net.parameters().initialize<double>(nn::Initializer::xavier_normal, 1, random);
  std::vector<InnerLoop<double>> loops;
  std::vector<Tensor<double>> x, y;
  const auto points = [&] { return noise<double>(Shape::batch(10, 1), random); };
  for (int task = 0; task < 32; ++task) {
    loops.push_back({theta0, {points()}, {points()}, Tensor<double>(Shape{1, 1}, 0.02)});
    x.push_back(points());
    y.push_back(points());
  }
  time_tasks(setting, name, loops, loss, x, y, {.differentiate = {.x = false}}, 1e-8);
}

/// A rule that is a network of 8 units, through 20 steps on 8 problems of 10 weights, with losses along the way.
void learned_optimizer(const Setting& setting, const std::string& name) {
  constexpr Index points = 20, features = 10, hidden = 8, steps = 20;
  const auto loss = [](Var<double> theta, Var<double> x, Var<double> y) {
    return mean_squared_error(linear(x, reshape(theta, {1, features})), y);
  };
  nn::Parameters layout;
  const auto by_g = layout.add("g", {hidden, 1}), by_m = layout.add("m", {hidden, 1}), bias = layout.add("b", {hidden}),
             out = layout.add("out", {1, hidden});
  const auto step = [=](Var<double> theta, auto slots, Var<double> g, Var<double> rate, Var<double> phi) {
    const auto column = [](Var<double> v) { return repeat_for_features(v, {v.size(), 1}); };
    const Var<double> m = 0.8 * slots[0] + g;
    const Var<double> units = tanh(linear(column(g), by_g(phi), bias(phi)) + linear(column(m), by_m(phi)));
    return optim::Stepped<double>{theta - rate * sum_over_features(linear(units, out(phi))), {m}};
  };
  Random random(1);
  const auto phi = layout.initialize<double>(nn::Initializer::xavier_normal, 1, random);
  const optim::Rule<double> rule = optim::CustomRule{1, step};
  std::vector<InnerLoop<double>> loops;
  std::vector<Tensor<double>> x, y;
  for (int problem = 0; problem < 8; ++problem) {
    x.push_back(noise<double>(Shape::batch(points, features), random));
    y.push_back(noise<double>(Shape::batch(points, 1), random));
    InnerLoop<double>& loop = loops.emplace_back();
    loop = {Tensor<double>(Shape{features}), {x.back()}, {y.back()}, Tensor<double>(Shape{steps, 1}, 0.1), rule, phi};
  }
  UnrollOptions options{.differentiate = {.x = false}};
  for (Index t = 1; t <= steps; ++t) options.outer_steps.push_back(t);
  time_tasks(setting, name, loops, loss, x, y, options, 1e-8);
}

/// A network of 8 units that weights 200 samples of 10 features, through 200 steps on all of them.
void reweighting(const Setting& setting, const std::string& name) {
  constexpr Index features = 10, samples = 200, clean = 40;
  using Data = std::span<const Var<double>>;
  const auto losses = [](Var<double> theta, Var<double> x, Var<double> y) {
    return softplus(-y * linear(x, reshape(theta, {1, features})));
  };
  const nn::Mlp weight_net({1, 8, 1}, nn::Activation::tanh);
  const auto weighted = [&](Var<double> theta, Data data, Var<double> phi) {
    return mean(sigmoid(weight_net(phi, data[2])) * losses(theta, data[0], data[1])) + 0.01 * dot(theta, theta);
  };
  const auto outer = [&](Var<double> theta, Var<double> x, Var<double> y) { return mean(losses(theta, x, y)); };
  Random random(1);
  InnerLoop<double> loop{Tensor<double>(Shape{features}),
                         {noise<double>(Shape::batch(samples, features), random)},
                         {signs(samples)},
                         Tensor<double>(Shape{200, 1}, 1)};
  loop.extra = {{noise<double>(Shape::batch(samples, 1), random)}};
  loop.hyperparameters = weight_net.parameters().initialize<double>(nn::Initializer::xavier_normal, 1, random);
  const auto x = noise<double>(Shape::batch(clean, features), random);
  // Training converges, so derivatives with respect to the start would be little more than rounding.
  time_loop(setting, name, loop, weighted, outer, x, signs(clean),
            {.differentiate = {.x = false}, .samples_per_block = setting.block(samples)}, 1e-4);
}

/// The momentum and the learning rates of 1,000 steps on 128 points, within 64 MB.
void momentum_and_rates(const Setting& setting, const std::string& name) {
  constexpr Index points = 128;
  const nn::Mlp net({2, 20, 1}, nn::Activation::tanh);
  const auto loss = [&](Var<double> theta, Var<double> x, Var<double> y) {
    return mean_squared_error(net(theta, x), y);
  };
  Random random(1);
  InnerLoop<double> loop;
  loop.theta0 = net.parameters().initialize<double>(nn::Initializer::xavier_normal, 1, random);
  loop.x = {noise<double>(Shape::batch(points, 2), random)};
  loop.y = {noise<double>(Shape::batch(points, 1), random)};
  loop.learning_rates = Tensor<double>(Shape{1000, 1}, 0.02);
  loop.rule = optim::HeavyBall{.momentum = 0};
  const auto x = noise<double>(Shape::batch(points, 2), random), y = noise<double>(Shape::batch(points, 1), random);
  time_loop(setting, name, loop, loss, loss, x, y,
            {.differentiate = {.x = false},
             .schedule = Schedule::memory_budget(64'000'000),
             .samples_per_block = setting.block(points)},
            1e-8);
}

/// The implicit hypergradient with respect to 10,000 penalties at the minimum of a logistic regression on 200 samples.
/// The minimum is found before; only the solution by conjugate gradients to 1e-5 is timed. In float.
void implicit_penalties(const Setting& setting, const std::string& name) {
  constexpr Index features = 10'000, samples = 200, validation = 1000;
  const auto logistic = [](auto theta, auto x, auto y) {
    const auto z = linear(x, reshape(theta, {1, features}));
    return mean(softplus(z) - y * z);
  };
  const auto penalized = [&](auto theta, auto x, auto y, auto log_penalties) {
    return logistic(theta, x, y) + dot(exp(log_penalties), square(theta)) / 2;
  };
  Random random(1);
  const auto labels = [](Index count) {
    Tensor<double> y(Shape::batch(count, 1));
    for (Index n = 0; n < count; ++n) y[n] = static_cast<double>(n % 2);
    return y;
  };
  const auto solve = [&]<class T>(T, WorkerTeam team, double tolerance, SecondDerivative second) {
    return Implicit<T>(penalized,
                       {.differentiate = {.x = false},
                        .solver = ConjugateGradient{.tolerance = tolerance},
                        .second_derivative = second,
                        .samples_per_block = team.size() == 1 ? samples : setting.block(samples)},
                       team);
  };
  InnerLoop<double> exact_loop;
  exact_loop.theta0 = Tensor<double>(Shape{features});
  exact_loop.x = {noise<double>(Shape::batch(samples, features), random)};
  exact_loop.y = {labels(samples)};
  exact_loop.learning_rates = Tensor<double>(Shape{60, 1}, 0.1);
  exact_loop.rule = optim::HeavyBall{.momentum = 0.7};
  exact_loop.hyperparameters = Tensor<double>(Shape{features}, std::log(0.5));
  const auto x_exact = noise<double>(Shape::batch(validation, features), random), y_exact = labels(validation);
  BatchGradient<double> exact_outer(logistic);
  auto exact = solve(0.0, WorkerTeam(1), 1e-10, SecondDerivative::reverse_over_reverse);
  const Hypergradient<double> expected = exact(
      exact_loop, [&](const auto& theta, auto& gradient) { return exact_outer(theta, x_exact, y_exact, gradient); });

  InnerLoop<float> loop;
  loop.theta0 = cast<float>(exact_loop.theta0);
  loop.x = {cast<float>(exact_loop.x[0])};
  loop.y = {cast<float>(exact_loop.y[0])};
  loop.learning_rates = cast<float>(exact_loop.learning_rates);
  loop.hyperparameters = cast<float>(exact_loop.hyperparameters);
  const auto minimum = cast<float>(expected.theta_T), x = cast<float>(x_exact), y = cast<float>(y_exact);
  auto implicit = solve(0.0F, setting.team, 1e-5, SecondDerivative::forward_over_reverse);
  const auto outer_loss = [&](Var<float> theta) {
    Tape<float>& tape = theta.tape();  // x is too large to copy
    return logistic(theta, tape.view(x.shape(), x.data()), tape.view(y.shape(), y.data()));
  };
  time(
      setting, name, [&]() -> const Hypergradient<float>& { return implicit.at(loop, minimum, outer_loss); }, expected,
      1e-3);
}

const Tasks tasks{{"lenet-adam", lenet_adam},
                  {"feature-penalties", feature_penalties},
                  {"maml", maml},
                  {"learned-optimizer", learned_optimizer},
                  {"reweighting", reweighting},
                  {"momentum-and-rates", momentum_and_rates},
                  {"implicit-penalties", implicit_penalties}};

}  // namespace
}  // namespace hypertape::bench

int main(int argc, char** argv) {
  return hypertape::bench::run_tasks("bench_estimators",
                                     "The time of one hypergradient of each kind that the examples show.",
                                     hypertape::bench::tasks, argc, argv);
}
