#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "hypertape/core/parallel.hpp"
#include "hypertape/core/random.hpp"
#include "hypertape/core/row_major.hpp"
#include "hypertape/data/orthogonal_decompositions.hpp"
#include "hypertape/distill/random_purpose.hpp"
#include "hypertape/kernels/reduce_kernels.hpp"
#include "hypertape/ops/linear.hpp"
#include "hypertape/ops/losses.hpp"
#include "hypertape/optim/adam.hpp"
#include "hypertape/optim/optimizer.hpp"
#include "hypertape/optim/schedule.hpp"
#include "hypertape/unroll/unroll_ensemble.hpp"

/// Distillation for linear regression (Wang et al. 2018, section 3.3), where every question about it has an answer in
/// closed form; docs/linear-case.md derives it.
namespace hypertape::inline HYPERTAPE_ABI::distill {

/// The loss 1/(2N) ||x theta - y||^2 for points x (N, D), targets y (N, 1) and theta (D).
struct LinearLoss {
  /// Records the loss.
  template <class T>
  Var<T> operator()(Var<T> theta, Var<T> x, Var<T> y) const {
    return mean_squared_error(linear(x, reshape(theta, Shape{1, theta.size()})), y) * T(0.5);
  }
};

/// A regression problem: data (N, D) and targets (N, 1).
struct LinearProblem {
  Tensor<double> data;     ///< (N, D)
  Tensor<double> targets;  ///< (N, 1)
};

/// Draws a problem: normal data, and targets from normal weights plus `noise` times normal noise. @throws ArgumentError
/// if there are fewer samples than dimensions, which would not determine theta, or if the noise is negative.
inline LinearProblem random_linear_problem(Index samples, Index dimension, double noise, std::uint64_t seed) {
  if (dimension < 1 || samples < dimension || !(noise >= 0)) {
    throw ArgumentError(
        "linear case: needs a dimension of at least 1, at least as many samples, and noise of "
        "at least 0, got dimension ",
        dimension, ", ", samples, " samples and noise ", noise);
  }
  Random random = random_stream(seed, RandomPurpose::batches);
  LinearProblem problem{Tensor<double>(Shape::batch(samples, dimension)), Tensor<double>(Shape::batch(samples, 1))};
  Eigen::VectorXd weights(dimension);
  for (double& value : problem.data.values()) value = random.normal();
  for (double& value : weights) value = random.normal();
  problem.targets.matrix() = problem.data.matrix() * weights;
  for (double& value : problem.targets.values()) value += noise * random.normal();
  return problem;
}

/// The theta* (D) that minimizes 1/(2N) ||data theta - targets||^2. @throws ShapeError if the shapes do not match;
/// ArgumentError unless the data has full column rank.
inline Tensor<double> least_squares(const LinearProblem& problem) {
  const Shape& shape = problem.data.shape();
  if (shape.rank() != 2 || problem.targets.shape() != Shape{shape[0], 1}) {
    throw ShapeError("least_squares: needs data (N, D) and targets (N, 1), got ", shape, " and ",
                     problem.targets.shape());
  }
  const Index N = shape[0], D = shape[1];
  const std::vector<double> rows = to_row_major(problem.data);
  Tensor<double> solution(Shape{D});
  const Index rank = data::least_squares(N, D, rows.data(), problem.targets.data(), solution.data());
  if (rank < D) {
    throw ArgumentError("least_squares: the data ", shape, " have rank ", rank, "; a single minimizer needs rank ", D);
  }
  return solution;
}

/// M distilled points and their targets for one gradient step.
struct LinearPoints {
  Tensor<double> x;      ///< (M, D)
  Tensor<double> y;      ///< (M, 1)
  double step_size = 0;  ///< eta

  /// A training run of one step on these points.
  InnerLoop<double> inner_loop(const Tensor<double>& theta0) const {
    return {theta0, {x}, {y}, Tensor<double>(Shape{1, 1}, step_size)};
  }
};

/// The least E ||theta_1 - theta*||^2 that one step on M points can reach, over theta_0 ~ N(0, I) in D dimensions.
inline Index least_residual(Index dimension, Index points) { return std::max<Index>(0, dimension - points); }

/// M points that reach the least residual: x = sqrt(M / eta) Q' and y = x theta*, where Q (D, M) has orthonormal
/// columns, the first along theta*. For M = D they lead from every theta_0 to theta*. @throws ArgumentError unless 1 <=
/// points <= D and the step size is positive.
inline LinearPoints best_linear_points(const Tensor<double>& solution, Index points, double step_size) {
  const Index dimension = solution.size();
  if (points < 1 || points > dimension || !(step_size > 0 && std::isfinite(step_size))) {
    throw ArgumentError("linear case: needs 1 .. ", dimension, " points and a positive step size, got ", points,
                        " and ", step_size);
  }
  // Q is the reflection of the first axis to theta: I - 2 v v^T / |v|^2 for v = theta -+ |theta| e_1.
  const double length = std::sqrt(kernels::dot(dimension, solution.data(), solution.data()));
  Tensor<double> v = solution;
  v[0] += std::copysign(length, v[0]);
  const double square = kernels::dot(dimension, v.data(), v.data());
  const double scale = std::sqrt(static_cast<double>(points) / step_size);
  LinearPoints best{Tensor<double>(Shape::batch(points, dimension)), Tensor<double>(Shape::batch(points, 1)),
                    step_size};
  for (Index i = 0; i < points; ++i) {
    for (Index d = 0; d < dimension; ++d) {
      const double reflected = square > 0 ? 2 * v[i] * v[d] / square : 0;
      best.x[d * points + i] = scale * ((i == d ? 1 : 0) - reflected);
      best.y[i] += best.x[d * points + i] * solution[d];
    }
  }
  return best;
}

/// A mean over samples and its standard error.
struct SampledResidual {
  double mean = 0;            ///< over the samples
  double standard_error = 0;  ///< of the mean
};

/// The residual ||theta_1 - theta*||^2 after the library takes one step on given points.
class LinearResidual {
 public:
  /// Measures distances to this theta* (D).
  LinearResidual(Tensor<double> solution, const WorkerTeam& team)
      : solution_(std::move(solution)), ensemble_(LinearLoss{}, options(), team), one_(LinearLoss{}) {
    // theta_1 - theta* is affine in theta_0, so any set of starts with mean 0 and covariance I gives the exact
    // expectation of its square.
    const Index dimension = solution_.size();
    for (Index i = 0; i < 2 * dimension; ++i) {
      starts_.emplace_back(Shape{dimension});
      starts_.back()[i / 2] = std::sqrt(static_cast<double>(dimension)) * (i % 2 == 0 ? 1 : -1);
    }
  }

  /// The expected residual over theta_0 ~ N(0, I), as `outer_loss`, and its derivatives with respect to points and
  /// targets.
  const Hypergradient<double>& expected(const LinearPoints& points) {
    return ensemble_(points.inner_loop(solution_), starts_, [this](Index, int) {
      return [this](const Tensor<double>& theta, Tensor<double>& gradient) {
        for (Index i = 0; i < theta.size(); ++i) gradient[i] = 2 * (theta[i] - solution_[i]);
        return squared_distance(theta);
      };
    });
  }

  /// The residual from one start.
  double from(const Tensor<double>& theta0, const LinearPoints& points) {
    return squared_distance(one_.train(points.inner_loop(theta0)));
  }

  /// The mean residual over `count` starts drawn from N(0, I).
  SampledResidual sampled(const LinearPoints& points, Index count, Random& random) {
    double sum = 0, squares = 0;
    for (Index i = 0; i < count; ++i) {
      const double residual = from(normal_start(random), points);
      sum += residual;
      squares += residual * residual;
    }
    const auto n = static_cast<double>(count);
    const double variance = (std::max)(0., squares / n - sum / n * (sum / n));
    return {sum / n, std::sqrt(variance / n)};
  }

  /// The largest ||theta_1 - theta*|| over `count` starts drawn from N(0, I).
  double largest_error(const LinearPoints& points, Index count, Random& random) {
    double largest = 0;
    for (Index i = 0; i < count; ++i) largest = (std::max)(largest, std::sqrt(from(normal_start(random), points)));
    return largest;
  }

 private:
  static UnrollOptions options() {
    UnrollOptions options;
    options.differentiate.y = true;
    return options;
  }

  Tensor<double> normal_start(Random& random) const {
    Tensor<double> theta(solution_.shape());
    for (double& value : theta.values()) value = random.normal();
    return theta;
  }

  double squared_distance(const Tensor<double>& theta) const {
    double sum = 0;
    for (Index i = 0; i < theta.size(); ++i) sum += std::pow(theta[i] - solution_[i], 2);
    return sum;
  }

  Tensor<double> solution_;
  std::vector<Tensor<double>> starts_;
  UnrollEnsemble<double> ensemble_;
  Unroll<double> one_;
};

/// Learns points and targets from a random start by the hypergradient of the expected residual: distillation where the
/// best possible outcome is known.
class LinearLearner {
 public:
  /// Draws the first points. The learning rate is Adam's, in units of sqrt(M / eta), the length of the best points; it
  /// follows a half cosine to zero over `iterations`. @throws ArgumentError unless all numbers are positive.
  LinearLearner(const Tensor<double>& solution, Index points, double step_size, long iterations, double learning_rate,
                std::uint64_t seed, const WorkerTeam& team)
      : residual_(solution, team), iterations_(iterations) {
    if (points < 1 || !(step_size > 0) || iterations < 1 || !(learning_rate > 0)) {
      throw ArgumentError("linear case: needs positive numbers, got ", points, " points, step size ", step_size, ", ",
                          iterations, " iterations and learning rate ", learning_rate);
    }
    const double length = std::sqrt(static_cast<double>(points) / step_size);
    learning_rate_ = learning_rate * length;
    const Index dimension = solution.size();
    points_ = {Tensor<double>(Shape::batch(points, dimension)), Tensor<double>(Shape::batch(points, 1)), step_size};
    Random random = random_stream(seed, RandomPurpose::images, points);
    const double deviation = length / std::sqrt(static_cast<double>(dimension));
    for (double& value : points_.x.values()) value = deviation * random.normal();
    for (double& value : points_.y.values()) value = deviation * random.normal();
  }

  /// Takes one outer step and returns the expected residual before it. @throws DivergenceError if that is not finite.
  double iterate() {
    const Hypergradient<double>& gradient = residual_.expected(points_);
    const double rate = learning_rate_ * optim::cosine_schedule(iteration_++, iterations_);
    adam_x_.step(points_.x.values(), gradient.x[0].values(), rate);
    adam_y_.step(points_.y.values(), gradient.y[0].values(), rate);
    return gradient.outer_loss;
  }

  /// Outer steps so far.
  long iteration() const { return iteration_; }
  /// The present points.
  const LinearPoints& points() const { return points_; }
  /// The expected residual of the present points.
  double expected_residual() { return residual_.expected(points_).outer_loss; }

 private:
  LinearResidual residual_;
  LinearPoints points_;
  long iterations_, iteration_ = 0;
  double learning_rate_ = 0;
  optim::Optimizer<double> adam_x_{optim::Adam{}}, adam_y_{optim::Adam{}};
};

}  // namespace hypertape::inline HYPERTAPE_ABI::distill
