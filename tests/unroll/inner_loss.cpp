#include "hypertape/unroll/inner_loss.hpp"

#include <doctest/doctest.h>

#include <vector>

#include "hypertape/optim/heavy_ball.hpp"
#include "hypertape/unroll/check_hypergradient.hpp"
#include "hypertape/unroll/unroll.hpp"
#include "support/compare.hpp"
#include "support/small_problem.hpp"

namespace hypertape::testing {
namespace {

using Data = std::span<const Var<double>>;

Var<double> sum_of_squares(Var<double> theta) { return sum(square(theta)); }

/// A loop whose steps have 3, 6 and 1 samples, each with a weight, and a number for the step that all samples share.
InnerLoop<double> uneven_loop() {
  InnerLoop<double> loop = small_loop<double>(3, 2);
  loop.extra.resize(2);
  for (std::size_t s = 0; s < 3; ++s) {
    const Index samples = s == 0 ? 3 : s == 1 ? 6 : 1;
    loop.x[s] = random_tensor<double>(Shape::batch(samples, 4), 20 + s);
    loop.y[s] = positive_tensor<double>(Shape::batch(samples, 3), 30 + s);
    loop.extra[0].push_back(positive_tensor<double>(Shape::batch(samples), 40 + s));
    loop.extra[1].push_back(random_tensor<double>(Shape{1}, 50 + s));
  }
  return loop;
}

/// The mean over samples of the weighted losses, and a term of theta and the step's own number.
Var<double> weighted_loss(Var<double> theta, Data data) {
  const Var<double> of_each = sum_over_features(data[1] * log_softmax(small_network()(theta, data[0])));
  const auto samples = static_cast<double>(data[0].shape()[0]);
  return sum(square(data[3]) * sum(square(theta))) - dot(data[2], of_each) / samples;
}

TEST_CASE("inner loss: any number of tensors of data, steps of different sizes, blocks of samples") {
  const auto inner = [](Var<double> theta, Data data) { return weighted_loss(theta, data); };
  InnerLoop<double> loop = uneven_loop();
  loop.rule = optim::HeavyBall{0.5};
  const HypergradientCheck check = check_hypergradient(loop, inner, sum_of_squares);
  CHECK(check.within(1e-6));
  CHECK(check["extra"] > 0);
  const UnrollOptions all{.differentiate = {true, true, true}};
  const Hypergradient<double> expected = hypergradient(loop, inner, sum_of_squares, all);
  REQUIRE(expected.extra.size() == 2);
  CHECK(expected.extra[0][1].shape() == Shape::batch(6));
  CHECK(expected.extra[1][2].shape() == Shape{1});
  for (const Index samples_per_block : {1, 2, 4}) {
    for (const int threads : {1, 3}) {
      UnrollOptions options = all;
      options.samples_per_block = samples_per_block;
      const Hypergradient<double> h = hypergradient(loop, inner, sum_of_squares, options, WorkerTeam(threads));
      for_each_input(
          [&](const InputName& name, const Tensor<double>& a, const Tensor<double>& b) {
            CAPTURE(hypertape::detail::concat(name));
            CHECK(relative_error(a, b) <= 1e-12);
          },
          h, expected);
    }
  }
  const Unroll<double> probe(inner, {.samples_per_block = 2});
  Unroll<double> unroll(inner, {.samples_per_block = 2});
  unroll(loop, sum_of_squares);
  const auto reserved = static_cast<double>(unroll.reserved_bytes());
  CHECK(std::abs(static_cast<double>(probe.predicted_bytes(loop)) - reserved) <= 0.05 * reserved);
}

TEST_CASE("inner loss: no data at all") {
  InnerLoop<double> loop;
  loop.theta0 = random_tensor<double>(Shape{3}, 1);
  loop.learning_rates = Tensor<double>(Shape{4, 1}, 0.1);
  loop.hyperparameters = random_tensor<double>(Shape{3}, 2);
  const auto inner = [](Var<double> theta, Data data, Var<double> phi) {
    CHECK(data.empty());
    return sum(square(theta - phi)) / 2.;
  };
  CHECK(check_hypergradient(loop, inner, sum_of_squares).within(1e-6));
  // theta_T = 0.9^4 theta_0 + (1 - 0.9^4) phi.
  const auto h = hypergradient(loop, inner, sum_of_squares);
  const double left = std::pow(0.9, 4);
  for (Index i = 0; i < 3; ++i) {
    CHECK(std::abs(h.theta_T[i] - left * loop.theta0[i] - (1 - left) * loop.hyperparameters[i]) <= 1e-15);
    CHECK(std::abs(h.hyperparameters[i] - 2 * (1 - left) * h.theta_T[i]) <= 1e-14);
  }
}

TEST_CASE("inner loss: the step's number comes in, also from the middle of a run") {
  // The number of a step as an argument, and the same numbers as data.
  InnerLoop<double> loop = small_loop<double>(2, 3), with_data = small_loop<double>(6, 1);
  const auto by_number = [](Var<double> theta, Var<double> x, Var<double> y, Index t) {
    return SmallLoss()(theta, x, y) + 0.1 * static_cast<double>(t) * sum(square(theta));
  };
  const auto by_data = [](Var<double> theta, Data data) {
    return SmallLoss()(theta, data[0], data[1]) + 0.1 * (reshape(data[2], Shape{}) * sum(square(theta)));
  };
  with_data.extra.resize(1);
  with_data.theta0 = loop.theta0;
  for (std::size_t t = 0; t < 6; ++t) {
    with_data.x[t] = loop.x[t % 2];
    with_data.y[t] = loop.y[t % 2];
    with_data.learning_rates[static_cast<Index>(t)] = loop.learning_rates[static_cast<Index>(t)];
    with_data.extra[0].push_back(Tensor<double>(Shape{1}, {static_cast<double>(t)}));
  }
  for (const Index first : {0, 1, 4}) {
    loop.first_step = with_data.first_step = first;
    for (const Schedule& schedule : {Schedule::store_all(), Schedule::binomial(2)}) {
      const auto h = hypergradient(loop, by_number, sum_of_squares, {.schedule = schedule});
      const auto expected = hypergradient(with_data, by_data, sum_of_squares, {.schedule = schedule});
      CHECK(relative_error(h.theta0, expected.theta0) <= 1e-14);
      CHECK(relative_error(h.theta_T, expected.theta_T) <= 1e-14);
    }
  }
  const auto with_phi = [](Var<double> theta, Var<double> x, Var<double> y, Var<double> phi, Index t) {
    return SmallLoss()(theta, x, y) + phi.slice(t, Shape{}) * sum(square(theta));
  };
  loop.first_step = 0;
  loop.hyperparameters = random_tensor<double>(Shape{6}, 9);
  CHECK(check_hypergradient(loop, with_phi, sum_of_squares).within(1e-6));
}

TEST_CASE("inner loss: how often and in which order it is called, as the documentation has it") {
  std::vector<Index> steps;
  const auto inner = [&](Var<double> theta, Var<double> x, Var<double> y, Index t) {
    steps.push_back(t);
    return SmallLoss()(theta, x, y);
  };
  const InnerLoop<double> loop = small_loop<double>(2, 3);
  const auto calls = [&](const Schedule& schedule) {
    steps.clear();
    hypergradient(loop, inner, sum_of_squares, {.schedule = schedule});
    return steps;
  };
  CHECK(calls(Schedule::store_all()) == std::vector<Index>{0, 1, 2, 3, 4, 5});
  CHECK(calls(Schedule::recompute()) == std::vector<Index>{0, 1, 2, 3, 4, 5, 4, 3, 2, 1, 0});
  CHECK(calls(Schedule::every(2)) == std::vector<Index>{0, 1, 2, 3, 4, 5, 2, 3, 0, 1});
  CHECK(calls(Schedule::every(4)) == std::vector<Index>{0, 1, 2, 3, 4, 5, 0, 1, 2, 3});
  for (const Index checkpoints : {1, 2, 3}) {
    const Schedule schedule = Schedule::binomial(checkpoints);
    CHECK(static_cast<Index>(calls(schedule).size()) == 6 + schedule.extra_gradients(6));
  }
}

TEST_CASE("inner loss: a loss of x and y refuses other data") {
  InnerLoop<double> loop = small_loop<double>(1, 1);
  loop.extra = {{Tensor<double>(Shape{1})}};
  CHECK_THROWS_WITH_AS(hypergradient(loop, SmallLoss(), sum_of_squares),
                       "hypergradient: the inner loss takes x and y, but a step has 3 tensors of data; a loss(theta, "
                       "std::span<const Var<T>>) takes any number",
                       ArgumentError);
}

}  // namespace
}  // namespace hypertape::testing
