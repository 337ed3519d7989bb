#include "hypertape/distill/linear_case.hpp"

#include <doctest/doctest.h>

#include <limits>

#include "support/check_error.hpp"
#include "support/random_tensor.hpp"

namespace hypertape::testing {
namespace {

using namespace distill;

Tensor<double> solution_of(Index dimension, std::uint64_t seed = 3) {
  return least_squares(random_linear_problem(40, dimension, 0.1, seed));
}

LinearPoints random_points(Index points, Index dimension, double step_size) {
  return {random_tensor<double>(Shape::batch(points, dimension), 1), random_tensor<double>(Shape{points, 1}, 2),
          step_size};
}

/// ||I - A||^2 + ||b - theta*||^2 of theta_1 = (I - A) theta_0 + b.
double formula(const LinearPoints& points, const Tensor<double>& solution) {
  const Index dimension = solution.size();
  const double share = points.step_size / static_cast<double>(points.x.shape()[0]);
  const Eigen::MatrixXd x = points.x.matrix();
  const Eigen::VectorXd b = share * x.transpose() * points.y.matrix();
  const Eigen::Map<const Eigen::VectorXd> theta(solution.data(), dimension);
  return (Eigen::MatrixXd::Identity(dimension, dimension) - share * x.transpose() * x).squaredNorm() +
         (b - theta).squaredNorm();
}

TEST_CASE("linear_case: least squares satisfies the normal equations") {
  const LinearProblem problem = random_linear_problem(30, 5, 0.5, 7);
  const Tensor<double> theta = least_squares(problem);
  const Eigen::VectorXd error =
      problem.data.matrix() * Eigen::Map<const Eigen::VectorXd>(theta.data(), 5) - problem.targets.matrix();
  CHECK(error.norm() > 0.1);  // there is noise
  CHECK((problem.data.matrix().transpose() * error).norm() <= 1e-12);
}

TEST_CASE("linear_case: the library's step is the closed form, and so is its expectation") {
  const Tensor<double> solution = solution_of(5);
  LinearResidual residual(solution, WorkerTeam(1));
  for (const Index count : {1, 3, 5, 9}) {
    const LinearPoints points = random_points(count, 5, 0.3);
    const double expected = formula(points, solution);
    CHECK(std::abs(residual.expected(points).outer_loss - expected) <= 1e-12 * expected);
    Random random(4);
    const SampledResidual sampled = residual.sampled(points, 4000, random);
    CHECK(sampled.standard_error > 0);
    CHECK(std::abs(sampled.mean - expected) <= 4 * sampled.standard_error);
  }
}

TEST_CASE("linear_case: the hypergradient of the expected residual agrees with central differences") {
  const Tensor<double> solution = solution_of(4);
  LinearResidual residual(solution, WorkerTeam(1));
  LinearPoints points = random_points(3, 4, 0.7);
  const Hypergradient<double> gradient = residual.expected(points);
  const auto check = [&](Tensor<double>& values, const Tensor<double>& derivative) {
    for (Index i = 0; i < values.size(); ++i) {
      constexpr double step = 6e-6;
      const double at = values[i];
      values[i] = at + step;
      const double above = formula(points, solution);
      values[i] = at - step;
      const double below = formula(points, solution);
      values[i] = at;
      CHECK(std::abs((above - below) / (2 * step) - derivative[i]) <= 1e-7 * (1 + std::abs(derivative[i])));
    }
  };
  check(points.x, gradient.x[0]);
  check(points.y, gradient.y[0]);
}

TEST_CASE("linear_case: D points lead from every start to the solution") {
  for (const double step_size : {1e-3, 0.1, 50.}) {
    for (const Index dimension : {1, 8}) {
      const Tensor<double> solution = solution_of(dimension);
      LinearResidual residual(solution, WorkerTeam(1));
      Random random(9);
      CHECK(residual.largest_error(best_linear_points(solution, dimension, step_size), 200, random) <= 1e-10);
      const Tensor<double> far(Shape{dimension}, 1e4);
      CHECK(residual.from(far, best_linear_points(solution, dimension, step_size)) <= 1e-20);
    }
  }
}

TEST_CASE("linear_case: M points leave D - M, wherever the solution lies, and no random ones leave less") {
  const Index dimension = 6;
  for (const Tensor<double>& solution : {solution_of(dimension), Tensor<double>(Shape{dimension})}) {
    LinearResidual residual(solution, WorkerTeam(1));
    for (Index count = 1; count <= dimension; ++count) {
      const auto bound = static_cast<double>(least_residual(dimension, count));
      CHECK(bound == static_cast<double>(dimension - count));
      const LinearPoints best = best_linear_points(solution, count, 0.2);
      CHECK(std::abs(residual.expected(best).outer_loss - bound) <= 1e-12);
      CHECK(std::abs(formula(best, solution) - bound) <= 1e-12);
      CHECK(residual.expected(random_points(count, dimension, 0.2)).outer_loss >= bound);
    }
    CHECK(least_residual(dimension, dimension + 3) == 0);
  }
}

TEST_CASE("linear_case: learned points come down to the bound and never fall under it") {
  const Index dimension = 4;
  const Tensor<double> solution = solution_of(dimension);
  for (Index count = 1; count <= dimension; ++count) {
    CAPTURE(count);
    LinearLearner learner(solution, count, 0.1, 1500, 0.05, 11, WorkerTeam(1));
    const auto bound = static_cast<double>(least_residual(dimension, count));
    const double first = learner.expected_residual();
    double least = first;
    while (learner.iteration() < 1500) least = std::min(least, learner.iterate());
    const double last = learner.expected_residual();
    CHECK(first > 1.1 * bound + 0.1);
    CHECK(least >= bound * (1 - 1e-13));
    CHECK(last >= bound * (1 - 1e-13));
    CHECK(last <= (count == dimension ? 1e-8 : bound * (1 + 1e-3)));
  }
}

TEST_CASE("linear_case: the same bits on one thread and on two") {
  const Tensor<double> solution = solution_of(3);
  LinearLearner one(solution, 2, 0.1, 10, 0.05, 1, WorkerTeam(1)), two(solution, 2, 0.1, 10, 0.05, 1, WorkerTeam(2));
  for (int i = 0; i < 10; ++i) CHECK(one.iterate() == two.iterate());
}

TEST_CASE("linear_case: what has no answer is an error") {
  check_error<ArgumentError>([] { random_linear_problem(7, 8, 0.1, 1); }, {"dimension 8", "7 samples"});
  check_error<ArgumentError>([] { random_linear_problem(8, 8, -1, 1); }, {"noise -1"});
  check_error<ArgumentError>([] { random_linear_problem(8, 8, std::nan(""), 1); }, {"noise nan"});
  LinearProblem problem = random_linear_problem(8, 2, 0.1, 1);
  for (Index n = 0; n < 8; ++n) problem.data(n, 1) = 2 * problem.data(n, 0);
  check_error<ArgumentError>([&] { least_squares(problem); }, {"least_squares", "(8, 2)", "rank 1", "rank 2"});
  problem.targets = Tensor<double>(Shape{7, 1});
  check_error<ShapeError>([&] { least_squares(problem); }, {"least_squares", "(8, 2)", "(7, 1)"});
  const Tensor<double> solution = solution_of(3);
  check_error<ArgumentError>([&] { best_linear_points(solution, 4, 0.1); }, {"1 .. 3 points", "got 4"});
  check_error<ArgumentError>([&] { best_linear_points(solution, 0, 0.1); }, {"1 .. 3 points", "got 0"});
  check_error<ArgumentError>([&] { best_linear_points(solution, 1, 0); }, {"step size, got 1 and 0"});
  check_error<ArgumentError>([&] { LinearLearner(solution, 1, 0.1, 0, 0.05, 1, WorkerTeam(1)); }, {"0 iterations"});
}

}  // namespace
}  // namespace hypertape::testing
