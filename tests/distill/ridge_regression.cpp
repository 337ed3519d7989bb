#include "hypertape/distill/ridge_regression.hpp"

#include <doctest/doctest.h>

#include <Eigen/Dense>

#include "hypertape/ops/normalize.hpp"
#include "support/check_error.hpp"
#include "support/check_operation.hpp"

namespace hypertape::testing {
namespace {

using distill::ridge_weights;

TEST_CASE("ridge regression: the weights are those of the normal equations, fewer samples than features or more") {
  for (const Index samples : {1, 4, 9}) {
    for (const double regularizer : {1e-6, 0.3}) {
      CAPTURE(samples);
      const Tensor<double> features = random_tensor<double>(Shape{samples, 6}, 1),
                           targets = random_tensor<double>(Shape{samples, 3}, 2);
      Tape<double> tape;
      const Tensor<double> weights = ridge_weights(tape.leaf(features), tape.leaf(targets), regularizer).value();
      // The other form of the same: (X^T X + lambda I)^-1 X^T Y.
      const auto x = features.row_major_matrix(), y = targets.row_major_matrix();
      const Eigen::MatrixXd regularized =
          x.transpose() * x + regularizer * x.squaredNorm() * Eigen::MatrixXd::Identity(6, 6);
      const Eigen::MatrixXd right = x.transpose() * y, expected = regularized.fullPivLu().solve(right);
      const Tensor<double>::RowMajorMatrix rows = expected;
      CHECK(relative_error(weights, Tensor<double>(rows)) <= 1e-9);  // the condition is 1e6
    }
  }
}

TEST_CASE("ridge regression: derivatives with respect to features and targets, also of second order") {
  const Function f = [](std::span<const Var<double>> v) { return ridge_weights(v[0], v[1], 0.05); };
  check_operation(f, {random_tensor<double>(Shape{3, 5}, 3), random_tensor<double>(Shape{3, 2}, 4)});
  check_operation(f, {random_tensor<double>(Shape{4, 2}, 5), random_tensor<double>(Shape{4, 3}, 6)});
}

TEST_CASE("ridge regression: the scale of features does not change predictions") {
  const Tensor<float> features = random_tensor<float>(Shape{4, 7}, 7), targets = random_tensor<float>(Shape{4, 2}, 8),
                      others = random_tensor<float>(Shape{5, 7}, 9);
  const auto predict = [&](float scale) {
    Tape<float> tape;
    const Var<float> w = ridge_weights(scale * tape.leaf(features), tape.leaf(targets), 1e-2);
    return matmul(scale * tape.leaf(others), w).value();
  };
  CHECK(relative_error(predict(1024), predict(1)) <= 1e-5);
}

TEST_CASE("ridge regression: what does not fit, and what has no solution") {
  Tape<double> tape;
  const auto zeros = [&](const Shape& shape) { return tape.full(shape, 0); };
  check_error<ShapeError>(
      [&] {
        ridge_weights(zeros(Shape{3, 4}), zeros(Shape{2, 4}), 1);
      },
      {"ridge_weights: needs features (N, F) and targets (N, K), got (3, 4) and (2, 4)"});
  check_error<ShapeError>([&] { ridge_weights(zeros(Shape{3}), zeros(Shape{3, 4}), 1); }, {"got (3) and (3, 4)"});
  check_error<ShapeError>(
      [&] {
        ridge_weights(zeros(Shape::batch(3, 4)), zeros(Shape{3, 4}), 1);
      },
      {"ridge_weights", "the features"});
  check_error<ShapeError>(
      [&] {
        ridge_weights(zeros(Shape{3, 4}), zeros(Shape::batch(3, 4)), 1);
      },
      {"ridge_weights", "the targets"});
  for (const double regularizer : {0., -1., std::nan("")}) {
    check_error<ArgumentError>(
        [&] {
          ridge_weights(zeros(Shape{3, 4}), zeros(Shape{3, 4}), regularizer);
        },
        {"ridge_weights: the regularizer must be positive, got "});
  }
  check_error<ArgumentError>(
      [&] {
        ridge_weights(zeros(Shape{3, 4}), zeros(Shape{3, 4}), 1);
      },
      {"cholesky", "not positive definite"});
}

}  // namespace
}  // namespace hypertape::testing
