#include "hypertape/unroll/unroll_ensemble.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <span>

#include "hypertape/optim/heavy_ball.hpp"
#include "support/compare.hpp"
#include "support/rank_threads.hpp"
#include "support/small_problem.hpp"

namespace hypertape::testing {
namespace {

/// |theta|^2 / 2 times i + 1, so that each initialization has an outer loss of its own.
constexpr auto task_loss = [](Index i, int) {
  return [i](const Tensor<double>& theta, Tensor<double>& gradient_out) {
    gradient_out = theta;
    double loss = 0;
    for (double& value : gradient_out.values()) {
      loss += static_cast<double>(i + 1) * value * value / 2;
      value *= static_cast<double>(i + 1);
    }
    return loss;
  };
};

std::vector<Tensor<double>> initializations(std::size_t count) {
  std::vector<Tensor<double>> out;
  for (std::size_t i = 0; i < count; ++i)
    out.push_back(random_tensor<double>(small_loop<double>(1, 1).theta0.shape(), 60 + i));
  return out;
}

UnrollOptions options() {
  UnrollOptions options;
  options.differentiate.y = true;
  options.samples_per_block = 2;
  return options;
}

TEST_CASE("unroll_ensemble: the mean over initializations") {
  InnerLoop<double> loop = small_loop<double>(2, 2);
  loop.rule = optim::HeavyBall{};
  const std::vector<Tensor<double>> theta0 = initializations(3);
  UnrollEnsemble<double> ensemble(SmallLoss(), options());
  const Hypergradient<double>& mean = ensemble(loop, theta0, task_loss);

  double loss = 0, momentum = 0;
  Tensor<double> x(loop.x[1].shape()), y(loop.y[0].shape()), rates(loop.learning_rates.shape()),
      theta(theta0[0].shape());
  for (Index i = 0; i < 3; ++i) {
    loop.theta0 = theta0[static_cast<std::size_t>(i)];
    Unroll<double> unroll(SmallLoss(), options());
    const auto& h = unroll(loop, task_loss(i, 0));
    CHECK(equal(ensemble.results()[static_cast<std::size_t>(i)].x[1], h.x[1]));
    CHECK(equal(ensemble.results()[static_cast<std::size_t>(i)].theta_T, h.theta_T));
    loss += h.outer_loss / 3;
    momentum += h.rule["momentum"] / 3;
    for (Index j = 0; j < x.size(); ++j) x[j] += h.x[1][j] / 3;
    for (Index j = 0; j < y.size(); ++j) y[j] += h.y[0][j] / 3;
    for (Index j = 0; j < rates.size(); ++j) rates[j] += h.learning_rates[j] / 3;
    for (Index j = 0; j < theta.size(); ++j) theta[j] += h.theta0[j] / 3;
  }
  CHECK(std::abs(mean.outer_loss - loss) <= 1e-14 * loss);
  CHECK(std::abs(mean.rule["momentum"] - momentum) <= 1e-14 * std::abs(momentum));
  CHECK(relative_error(mean.x[1], x) <= 1e-14);
  CHECK(relative_error(mean.y[0], y) <= 1e-14);
  CHECK(relative_error(mean.learning_rates, rates) <= 1e-14);
  CHECK(relative_error(mean.theta0, theta) <= 1e-14);
  Tensor<double> inner(loop.learning_rates.shape());
  for (const auto& h : ensemble.results()) {
    for (Index j = 0; j < inner.size(); ++j) inner[j] += h.inner_losses[j] / 3;
  }
  CHECK(relative_error(mean.inner_losses, inner) <= 1e-14);
}

TEST_CASE("unroll_ensemble: the same bits for any number of threads and any way to share") {
  const InnerLoop<double> loop = small_loop<double>(2, 2);
  for (const std::size_t count : {std::size_t{1}, std::size_t{2}, std::size_t{5}}) {
    const std::vector<Tensor<double>> theta0 = initializations(count);
    UnrollEnsemble<double> one(SmallLoss(), options());
    const Hypergradient<double> expected = one(loop, theta0, task_loss);
    for (const int threads : {2, 3}) {
      UnrollEnsemble<double> many(SmallLoss(), options(), WorkerTeam(threads));
      for (int call = 0; call < 2; ++call) {
        const Hypergradient<double>& h = many(loop, theta0, task_loss);
        CHECK(h.outer_loss == expected.outer_loss);
        CHECK(equal(h.learning_rates, expected.learning_rates));
        for (std::size_t s = 0; s < 2; ++s) CHECK(equal(h.x[s], expected.x[s]));
      }
    }
  }
}

TEST_CASE("unroll_ensemble: none is refused, and one that diverges is named") {
  const InnerLoop<double> loop = small_loop<double>(2, 1);
  UnrollEnsemble<double> ensemble(SmallLoss(), options(), WorkerTeam(2));
  CHECK_THROWS_WITH_AS(ensemble(loop, std::span<const Tensor<double>>(), task_loss),
                       "UnrollEnsemble: needs at least one initialization", ArgumentError);
  std::vector<Tensor<double>> theta0 = initializations(3);
  theta0[2] = Tensor<double>(Shape{3});
  CHECK_THROWS_WITH_AS(ensemble(loop, theta0, task_loss), "UnrollEnsemble: initialization 2 is (3), the first is (43)",
                       ShapeError);
  theta0 = initializations(3);
  theta0[1][0] = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_WITH_AS(ensemble(loop, theta0, task_loss),
                       "initialization 1: hypergradient: the inner loss is NaN at inner step 0", DivergenceError);
}

TEST_CASE("unroll_ensemble: tasks with data of their own, of different sizes, in one call") {
  std::vector<InnerLoop<double>> tasks;
  for (std::uint64_t i = 0; i < 5; ++i) {
    tasks.push_back(small_loop<double>(2, 2, static_cast<Index>(3 + i % 2)));
    tasks.back().x[0] = random_tensor<double>(tasks.back().x[0].shape(), 100 + i);
    tasks.back().rule = optim::HeavyBall{};
  }
  UnrollEnsemble<double> one(SmallLoss(), options());
  const Hypergradient<double> mean = one(tasks, task_loss);
  Tensor<double> theta0(tasks[0].theta0.shape());
  double momentum = 0;
  for (std::size_t i = 0; i < 5; ++i) {
    const auto h = Unroll<double>(SmallLoss(), options())(tasks[i], task_loss(static_cast<Index>(i), 0));
    CHECK(equal(one.results()[i].theta0, h.theta0));
    CHECK(equal(one.results()[i].x[0], h.x[0]));
    for (Index j = 0; j < theta0.size(); ++j) theta0[j] += h.theta0[j] / 5;
    momentum += h.rule["momentum"] / 5;
  }
  CHECK(relative_error(mean.theta0, theta0) <= 1e-14);
  CHECK(std::abs(mean.rule["momentum"] - momentum) <= 1e-14 * std::abs(momentum));
  CHECK(mean.x[0].shape() == Shape{});  // of 3 samples and of 4
  for (const int threads : {2, 3}) {
    UnrollEnsemble<double> many(SmallLoss(), options(), WorkerTeam(threads));
    CHECK(equal(many(tasks, task_loss).theta0, mean.theta0));
  }
  tasks[3].x[0][0] = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_WITH_AS(one(tasks, task_loss), "task 3: hypergradient: the inner loss is NaN at inner step 0",
                       DivergenceError);
  CHECK_THROWS_WITH_AS(one(std::span<const InnerLoop<double>>(), task_loss), "UnrollEnsemble: needs at least one task",
                       ArgumentError);
}

TEST_CASE("unroll_ensemble: what tasks do not share has no mean") {
  std::vector<InnerLoop<double>> tasks{small_loop<double>(3, 2), small_loop<double>(2, 2)};
  UnrollEnsemble<double> ensemble(SmallLoss(), options());
  const Hypergradient<double>& mean = ensemble(tasks, task_loss);
  CHECK(relative_error(mean.theta0, mean.theta0) == 0);
  CHECK(mean.learning_rates.shape() == Shape{});
  CHECK(mean.inner_losses.shape() == Shape{});
  CHECK(mean.x.at(1).shape() == Shape::batch(6, 4));
  CHECK(mean.x.at(2).shape() == Shape{});  // of the first task alone
  tasks[1] = tasks[0];
  tasks[1].rule = optim::HeavyBall{};
  CHECK_THROWS_WITH_AS(ensemble(tasks, task_loss),
                       "UnrollEnsemble: task 1 has the rule heavy ball, the first gradient descent", ArgumentError);
  tasks[1] = tasks[0];
  tasks[1].y.pop_back();
  CHECK_THROWS_WITH_AS(ensemble(tasks, task_loss), doctest::Contains("task 1: InnerLoop: learning rates"), ShapeError);
}

TEST_CASE(
    "unroll_ensemble: the same bits on any number of ranks, and what tasks do not share has no mean there either") {
  const InnerLoop<double> loop = small_loop<double>(2, 2);
  for (const std::size_t count : {std::size_t{1}, std::size_t{3}, std::size_t{5}}) {
    const std::vector<Tensor<double>> theta0 = initializations(count);
    std::vector<InnerLoop<double>> tasks;
    for (std::uint64_t i = 0; i < count; ++i) {  // the last one has other data, and one step less
      const bool last = i + 1 == count;
      tasks.push_back(small_loop<double>(last ? 2 : 3, 2, last ? 4 : 3));
      tasks.back().theta0 = theta0[i];
    }
    UnrollEnsemble<double> one(SmallLoss(), options()), one_of_tasks(SmallLoss(), options());
    const Hypergradient<double>&expected = one(loop, theta0, task_loss), &of_tasks = one_of_tasks(tasks, task_loss);
    for (const int size : {2, 3, 4, 7}) {
      RankThreads::run(size, [&](const Communicator& ranks) {
        UnrollEnsemble<double> many(SmallLoss(), options(), WorkerTeam(1), ranks);
        for (int call = 0; call < 2; ++call) {
          const Hypergradient<double>& h = many(loop, theta0, task_loss);
          bool same = h.outer_loss == expected.outer_loss && equal(h.inner_losses, expected.inner_losses);
          for_each_input([&](const InputName&, const auto& a, const auto& b) { same = same && equal(a, b); }, h,
                         expected);
          if (!same) throw ArgumentError("other bits on rank ", ranks.rank(), " of ", size);
          if (h.theta_T.shape().rank() > 0) throw ArgumentError("theta_T of one rank's task");
        }
        if (many.results().size() !=
            static_cast<std::size_t>(TaskShare(ranks, static_cast<Index>(count)).tasks.size())) {
          throw ArgumentError("results of other ranks");
        }
        const Hypergradient<double>& h = many(tasks, task_loss);
        if (!equal(h.theta0, of_tasks.theta0) || h.x.at(1).shape() != of_tasks.x.at(1).shape() ||
            h.inner_losses.shape() != of_tasks.inner_losses.shape() || h.outer_loss != of_tasks.outer_loss) {
          throw ArgumentError("other means of tasks on rank ", ranks.rank(), " of ", size);
        }
      });
    }
  }
  std::vector<Tensor<double>> theta0 = initializations(5);
  theta0[3][0] = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_WITH_AS(RankThreads::run(2,
                                        [&](const Communicator& ranks) {
                                          UnrollEnsemble<double>(SmallLoss(), {}, WorkerTeam(1), ranks)(loop, theta0,
                                                                                                        task_loss);
                                        }),
                       "initialization 3: hypergradient: the inner loss is NaN at inner step 0", DivergenceError);
}

TEST_CASE("unroll_ensemble: its bytes are predicted") {
  const InnerLoop<double> loop = small_loop<double>(1, 8, 400);
  const std::size_t one = Unroll<double>(SmallLoss()).predicted_bytes(loop);
  const UnrollEnsemble<double> ensemble(SmallLoss(), {}, WorkerTeam(2));
  const auto threads = static_cast<std::size_t>(WorkerTeam(2).size());  // one without OpenMP
  CHECK(ensemble.predicted_bytes(loop, 5) == threads * one);
  if (threads == 2) CHECK(ensemble.predicted_bytes(loop, 1) == one);
}

TEST_CASE("unroll_ensemble: a budget of memory holds for few tasks and for many") {
  const InnerLoop<double> loop = small_loop<double>(1, 64, 400);
  const std::size_t budget = 2 * Unroll<double>(SmallLoss(), {.schedule = Schedule::every()}).predicted_bytes(loop);
  UnrollEnsemble<double> ensemble(SmallLoss(), {.schedule = Schedule::memory_budget(budget)}, WorkerTeam(2));
  for (const std::size_t count : {1U, 4U, 1U}) {
    const std::vector<InnerLoop<double>> tasks(count, loop);
    ensemble(tasks, task_loss);
    CHECK(ensemble.predicted_bytes(loop, count) <= budget);
    CHECK(static_cast<double>(ensemble.reserved_bytes()) <= 1.1 * static_cast<double>(budget) + 5e5);  // and results
  }
}

}  // namespace
}  // namespace hypertape::testing
