#include "hypertape/optim/optimizer.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "hypertape/autodiff/gradient.hpp"
#include "hypertape/optim/adam.hpp"
#include "hypertape/optim/custom_rule.hpp"
#include "hypertape/optim/schedule.hpp"
#include "support/allocations.hpp"
#include "support/check_error.hpp"
#include "support/compare.hpp"
#include "support/optimizer_runs.hpp"

namespace hypertape::testing {
namespace {

using optim::Optimizer;

TEST_CASE("optimizer: gradient descent and heavy ball by hand") {
  std::vector<double> x = {1, 2};
  const std::vector<double> g = {0.5, -1};
  Optimizer<double> plain;
  plain.step(x, g, 0.1);
  CHECK(std::abs(x[0] - 0.95) <= 1e-15);
  CHECK(std::abs(x[1] - 2.1) <= 1e-15);

  x = {0, 0};
  Optimizer<double> heavy(optim::HeavyBall{0.5});
  heavy.step(x, g, 1);  // velocity g
  heavy.step(x, g, 1);  // velocity 1.5 g
  CHECK(std::abs(x[0] + 2.5 * 0.5) <= 1e-15);
}

TEST_CASE("optimizer: two steps of Adam's Algorithm 1 by hand") {
  std::vector<double> x = {1};
  Optimizer<double> adam(optim::Adam{.beta1 = 0.9, .beta2 = 0.99});
  adam.step(x, std::vector<double>{2}, 0.1);
  CHECK(std::abs(x[0] - (1 - 0.1 * 2 / (2 + 1e-8))) <= 1e-14);  // the bias corrections cancel in the first step
  adam.step(x, std::vector<double>{-1}, 0.1);
  const double m = (0.9 * 0.1 * 2 + 0.1 * -1) / (1 - 0.81), v = (0.99 * 0.01 * 4 + 0.01) / (1 - 0.9801);
  CHECK(std::abs(x[0] - (1 - 0.1 * 2 / (2 + 1e-8) - 0.1 * m / (std::sqrt(v) + 1e-8))) <= 1e-14);
}

TEST_CASE("optimizer: twenty steps are those of torch.optim") {
  const Golden golden = optimizer_golden();
  for (const OptimizerRun& run : optimizer_runs()) {
    const OptimizerInputs inputs(run);
    Tensor<double> theta = inputs.theta0;
    Optimizer<double> optimizer(run.rule);
    Tape<double> tape;
    for (Index t = 0; t < inputs.learning_rates.size(); ++t) {
      tape.reset();
      const auto s = static_cast<std::size_t>(t % OptimizerInputs::steps);
      const Var<double> now = tape.leaf(theta);
      const Var<double> loss =
          optimizer_inner_loss(now, tape.leaf(inputs.x[s]), tape.leaf(inputs.y[s]), tape.leaf(inputs.phi));
      optimizer.step(theta.values(), gradient(loss, now).value().values(), inputs.learning_rates[t]);
    }
    CHECK(optimizer.state().steps == 20);
    CAPTURE(run.name);
    CHECK(golden_error(golden, run.name + "/theta", {theta}) <= 1e-13);
    for (std::size_t slot = 0; slot < optimizer.state().slot.size(); ++slot) {
      CAPTURE(slot);
      const std::string block = run.name + "/slot_" + std::to_string(slot);
      CHECK(golden_error(golden, block, {optimizer.state().slot[slot]}) <= 1e-13);
    }
  }
}

TEST_CASE("optimizer: finds the minimum of a quadratic") {
  std::vector<double> x = {3, -2};
  Optimizer<double> adam(optim::Adam{});
  for (int i = 0; i < 4000; ++i) {
    adam.step(x, std::vector<double>{x[0] - 1, 10 * (x[1] - 2)}, 0.05 * optim::cosine_schedule(i, 4000));
  }
  CHECK(std::abs(x[0] - 1) <= 1e-3);
  CHECK(std::abs(x[1] - 2) <= 1e-3);
}

TEST_CASE_TEMPLATE("optimizer: goes on from its state, or as a copy, bit for bit", T, float, double) {
  Optimizer<T> first(optim::ClippedByNorm{optim::AdamW{}, 1});
  std::vector<T> x(100, T(1)), g(100);
  const auto steps = [&](Optimizer<T>& optimizer, std::vector<T>& values, int from, int to) {
    for (int i = from; i < to; ++i) {
      for (std::size_t j = 0; j < g.size(); ++j) g[j] = std::sin(static_cast<T>(j + 7 * static_cast<std::size_t>(i)));
      optimizer.step(values, g, 0.1);
    }
  };
  steps(first, x, 0, 5);
  std::vector<T> y = x, z = x;
  Optimizer<T> restored(optim::ClippedByNorm{optim::AdamW{}, 1}), copy(first), assigned;
  restored.restore(first.state());
  assigned = first;
  steps(first, x, 5, 9);
  steps(restored, y, 5, 9);
  CHECK(x == y);
  y = z;
  steps(copy, y, 5, 9);
  CHECK(x == y);
  steps(assigned, z, 5, 9);
  CHECK(x == z);
}

TEST_CASE("optimizer: hyperparameters go to a rule that takes them, and what it throws leaves all as it was") {
  const auto f = [](Var<double> theta, std::span<const Var<double>> slots, Var<double> gradient, Var<double> rate,
                    Var<double> phi, Index step) {
    if (step == 1) throw ArgumentError("one step is enough");
    const Var<double> velocity = phi * slots[0] + gradient;
    return optim::Stepped<double>{theta - rate * phi * velocity, {velocity}};
  };
  Optimizer<double> optimizer(optim::CustomRule{1, f}, Tensor<double>({1}, {3}));
  std::vector<double> x = {1, 2};
  optimizer.step(x, std::vector<double>{1, -1}, 0.1);
  CHECK(std::abs(x[0] - 0.7) <= 1e-15);
  CHECK_THROWS_AS(optimizer.step(x, std::vector<double>{1, -1}, 0.1), ArgumentError);
  CHECK(std::abs(x[0] - 0.7) <= 1e-15);
  CHECK(optimizer.state().steps == 1);
  REQUIRE(optimizer.state().slot.size() == 1);
  CHECK(optimizer.state().slot[0][1] == -1);
}

TEST_CASE("optimizer: steps of the library's rules allocate nothing once they know the size") {
  for (const OptimizerRun& run : optimizer_runs()) {
    CAPTURE(run.name);
    Optimizer<double> optimizer(run.rule);
    std::vector<double> x(20000, 1);
    const std::vector<double> g(20000, 0.5);
    optimizer.step(x, g, 0.1);
    const std::size_t before = allocations();
    for (int i = 0; i < 5; ++i) optimizer.step(x, g, 0.1);
    CHECK(allocations() == before);
  }
}

TEST_CASE("optimizer: numbers out of range") {
  CHECK_THROWS_AS(Optimizer<double>(optim::HeavyBall{1}), ArgumentError);
  CHECK_THROWS_AS(Optimizer<double>(optim::HeavyBall{std::nan("")}), ArgumentError);
  CHECK_THROWS_AS(Optimizer<float>(optim::Adam{.beta1 = 1}), ArgumentError);
  CHECK_THROWS_AS(Optimizer<float>(optim::Adam{.beta2 = -0.1}), ArgumentError);
  CHECK_THROWS_AS(Optimizer<float>(optim::Adam{.epsilon = 0}), ArgumentError);
}

TEST_CASE("optimizer: a state that no run of steps leaves is refused, and the present one kept") {
  const double nan = std::nan("");
  std::vector<double> x = {1, 2};
  Optimizer<double> adam(optim::Adam{});
  adam.step(x, std::vector<double>{1, -1}, 0.1);
  const optim::State<double> good = adam.state();
  const auto slot = [](std::initializer_list<double> values) {
    return Tensor<double>(Shape{static_cast<Index>(values.size())}, values);
  };
  const auto refused = [&](const optim::State<double>& state, std::initializer_list<std::string_view> words) {
    check_error<ArgumentError>([&] { adam.restore(state); }, words);
    CHECK(adam.state().steps == good.steps);
    CHECK(equal(adam.state().slot[0], good.slot[0]));
  };
  refused({{}, -1}, {"state of Adam", "-1 steps"});
  refused({{}, Index{1} << 53}, {"9007199254740992 steps"});
  refused({{slot({0, 0})}, 1}, {"1 slots: there are 2"});
  refused({{slot({0, 0}), slot({0})}, 1}, {"mean square of 1 weights beside a mean of 2"});
  refused({{slot({0}), slot({0})}, 0}, {"2 slots after 0 steps, but 0"});
  refused({{}, 3}, {"0 slots after 3 steps, but 2"});
  refused({{slot({0, nan}), slot({0, 0})}, 1}, {"the mean nan at 1"});
  refused({{slot({0, 0}), slot({-1, 0})}, 1}, {"the mean square -1 at 0"});
  refused({{slot({0, 0}), slot({0, HUGE_VAL})}, 1}, {"the mean square inf at 1"});
  adam.restore(good);
  adam.step(x, std::vector<double>{1, -1}, 0.1);
  CHECK(adam.state().steps == 2);
  adam.restore({});
  adam.step(x, std::vector<double>{1, -1}, 0.1);
  CHECK(adam.state().steps == 1);
}

TEST_CASE("optimizer: sizes that differ are refused") {
  std::vector<double> x = {1, 2}, longer = {1, 2, 3}, none;
  const std::vector<double> short_gradient = {1}, gradient = {1, 1};
  Optimizer<double> adam(optim::Adam{}), plain;
  check_error<ArgumentError>([&] { adam.step(x, short_gradient, 0.1); }, {"2 values, 1 derivatives"});
  CHECK_THROWS_AS(plain.step(x, short_gradient, 0.1), ArgumentError);
  CHECK_THROWS_AS(plain.step(none, none, 0.1), ArgumentError);
  adam.step(x, gradient, 0.1);
  check_error<ArgumentError>([&] { adam.step(longer, std::vector<double>{1, 1, 1}, 0.1); }, {"a state of 2"});
  CHECK(adam.state().steps == 1);
}

}  // namespace
}  // namespace hypertape::testing
