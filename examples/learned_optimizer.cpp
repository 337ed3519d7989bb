// A learned optimizer (Andrychowicz et al. 2016): the update rule is a small network, shared by all weights, that maps
// a weight's gradient and momentum to its step. The network's parameters phi are learned on small problems by
// hypergradients of the losses along training. Then it is compared with tuned gradient descent on new problems.

#include <hypertape/hypertape.hpp>
#include <iostream>

using namespace hypertape;

int main() {
  constexpr Index points = 20, features = 10, hidden = 8, steps = 20;
  const auto loss = [](Var<double> theta, Var<double> x, Var<double> y) {
    return mean_squared_error(linear(x, reshape(theta, {1, features})), y);
  };

  // The rule: momentum m' = 0.8 m + g, and theta' = theta - eta f(g, m'), f = out tanh(by_g g + by_m m' + bias).
  nn::Parameters layout;
  const auto by_g = layout.add("g", {hidden, 1}), by_m = layout.add("m", {hidden, 1}), bias = layout.add("b", {hidden}),
             out = layout.add("out", {1, hidden});
  const auto step = [=](Var<double> theta, auto slots, Var<double> g, Var<double> rate, Var<double> phi) {
    const auto column = [](Var<double> v) { return repeat_for_features(v, {v.size(), 1}); };
    const Var<double> m = 0.8 * slots[0] + g;
    const Var<double> units = tanh(linear(column(g), by_g(phi), bias(phi)) + linear(column(m), by_m(phi)));
    return optim::Stepped<double>{theta - rate * sum_over_features(linear(units, out(phi))), {m}};
  };

  /// Linear regression with features of very different scales.
  const auto problem = [&](std::uint64_t number) {
    Random random(3, {number});
    Tensor<double> x(Shape::batch(points, features)), y(Shape::batch(points, 1));
    for (Index k = 0; k < features; ++k) {
      const double size = std::pow(10, random.uniform(-1, 0)), weight = random.normal() / size;
      for (Index i = 0; i < points; ++i) {
        x(i, k) = size * random.normal();
        y[i] += weight * x(i, k);
      }
    }
    return InnerLoop<double>{Tensor<double>(Shape{features}), {x}, {y}, Tensor<double>(Shape{steps, 1})};
  };
  UnrollOptions options{.differentiate = {.x = false}};
  UnrollEnsemble<double> at_end(loss, options, WorkerTeam());
  for (Index t = 1; t <= steps; ++t) options.outer_steps.push_back(t);
  UnrollEnsemble<double> along(loss, options, WorkerTeam());
  const auto run = [&](auto& ensemble, std::uint64_t first, std::uint64_t count, const optim::Rule<double>& rule,
                       const Tensor<double>& phi, double rate) -> const Hypergradient<double>& {
    std::vector<InnerLoop<double>> loops;
    for (std::uint64_t i = 0; i < count; ++i) {
      InnerLoop<double>& loop = loops.emplace_back(problem(first + i));
      loop.rule = rule;
      loop.hyperparameters = phi;
      loop.learning_rates.fill(rate);
    }
    return ensemble(loops, [&](Index, int) {
      return [&](Var<double> theta, GivenVars<double>& given) {
        return loss(theta, given(given.loop.x[0]), given(given.loop.y[0]));
      };
    });
  };

  constexpr std::uint64_t held_out = 1000000;
  for (const double rate : {0.2, 0.4, 0.5, 0.6}) {
    std::cout << "gradient descent, rate " << rate << ": loss " << run(at_end, held_out, 200, {}, {}, rate).outer_loss
              << '\n';
  }
  Random random(1);
  auto phi = layout.initialize<double>(nn::Initializer::xavier_normal, 1, random);
  const optim::Rule<double> rule = optim::CustomRule{1, step};
  optim::Optimizer<double> adam(optim::Adam{});
  for (int iteration = 0; iteration <= 300; ++iteration) {
    if (iteration % 100 == 0) {
      std::cout << "learned optimizer, iteration " << iteration << ": loss "
                << run(at_end, held_out, 200, rule, phi, 0.1).outer_loss << '\n';
    }
    const auto& h = run(along, static_cast<std::uint64_t>(iteration) * 8, 8, rule, phi, 0.1);
    adam.step(phi.values(), h.hyperparameters.values(), 0.01);
  }
}
