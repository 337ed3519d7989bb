#include "hypertape/nn/initializers.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "hypertape/nn/parameters.hpp"

namespace hypertape::testing {
namespace {

using nn::Initializer;

Tensor<double> filled(Initializer initializer, double gain, const Shape& shape) {
  Random random(5);
  Tensor<double> weight(shape);
  nn::initialize(initializer, gain, shape, weight.data(), random);
  return weight;
}

double variance(const Tensor<double>& weight) {
  return weight.row_major_matrix().squaredNorm() / static_cast<double>(weight.size());
}

TEST_CASE("initializers: variances, for fans of dense and convolution weights") {
  const Shape shape{64, 32, 5, 5};
  const double fan_in = 32 * 25, fan_out = 64 * 25, gain = 1.5;
  // The variance of 51,200 draws strays by a relative sqrt(2 / 51,200) = 0.6 %; 3 % is five times that.
  const auto close = [&](Initializer initializer, double expected) {
    return std::abs(variance(filled(initializer, gain, shape)) / (gain * gain * expected) - 1) <= 0.03;
  };
  CHECK(close(Initializer::xavier_normal, 2 / (fan_in + fan_out)));
  CHECK(close(Initializer::xavier_uniform, 2 / (fan_in + fan_out)));
  CHECK(close(Initializer::he_normal, 2 / fan_in));
  CHECK(close(Initializer::he_normal_out, 2 / fan_out));
  CHECK(close(Initializer::normal, 1));

  CHECK(std::abs(variance(filled(Initializer::he_normal_out, 1, Shape{64, 20, 30})) * 64 * 30 / 2 - 1) <= 0.03);
  CHECK(std::abs(variance(filled(Initializer::xavier_normal, 1, Shape{16, 8, 5, 5, 3})) * 24 * 75 / 2 - 1) <= 0.05);
  const Tensor<double> dense = filled(Initializer::he_normal, 1, Shape{200, 300});
  CHECK(std::abs(variance(dense) * 300 / 2 - 1) <= 0.03);
  const Tensor<double> uniform = filled(Initializer::xavier_uniform, 1, shape);
  const double limit = std::sqrt(6 / (fan_in + fan_out));
  CHECK(std::all_of(uniform.values().begin(), uniform.values().end(), [&](double w) { return std::abs(w) <= limit; }));
}

TEST_CASE("initializers: orthogonal rows or columns") {
  for (const Shape& shape : {Shape{4, 9}, Shape{9, 4}, Shape{6, 2, 3, 3}}) {
    const Tensor<double> weight = filled(Initializer::orthogonal, 2, shape);
    Eigen::Map<const Eigen::MatrixXd> transposed(weight.data(), shape.features(), shape[0]);
    const Eigen::MatrixXd product = shape[0] <= shape.features() ? Eigen::MatrixXd(transposed.transpose() * transposed)
                                                                 : Eigen::MatrixXd(transposed * transposed.transpose());
    const double error = (product - 4 * Eigen::MatrixXd::Identity(product.rows(), product.cols())).norm();
    CHECK(error <= 1e-13);
  }
}

TEST_CASE("initializers: the same stream gives the same weights; biases are zero") {
  nn::Parameters layout;
  layout.add("weight", {3, 4});
  layout.add("bias", {3});
  Random first(1), second(1), third(2);
  const auto a = layout.initialize<float>(Initializer::xavier_normal, 1, first);
  const auto b = layout.initialize<float>(Initializer::xavier_normal, 1, second);
  const auto c = layout.initialize<float>(Initializer::xavier_normal, 1, third);
  CHECK(std::equal(a.values().begin(), a.values().end(), b.values().begin()));
  CHECK(!std::equal(a.values().begin(), a.values().end(), c.values().begin()));
  CHECK(std::all_of(a.values().begin() + 12, a.values().end(), [](float bias) { return bias == 0; }));
  CHECK_THROWS_AS(filled(Initializer::normal, 1, Shape{3}), ShapeError);
}

}  // namespace
}  // namespace hypertape::testing
