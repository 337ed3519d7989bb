#include "hypertape/nn/initializers.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "hypertape/nn/convnet.hpp"
#include "hypertape/nn/lenet.hpp"
#include "support/compare.hpp"

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

/// Whether the values could be draws from U(-limit, limit): within the bounds, close to them, and with the mean,
/// variance and distribution function of it, each within five deviations.
void check_uniform(const std::vector<double>& values, double limit) {
  const auto n = static_cast<double>(values.size());
  REQUIRE(n >= 100);
  std::vector<double> sorted = values;
  std::sort(sorted.begin(), sorted.end());
  CHECK(sorted.front() >= -limit);
  CHECK(sorted.back() <= limit);
  CHECK(sorted.front() <= -limit * (1 - 40 / n));  // the probability of none beyond is exp(-20)
  CHECK(sorted.back() >= limit * (1 - 40 / n));
  double sum = 0, squares = 0, gap = 0;
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    sum += sorted[i];
    squares += sorted[i] * sorted[i];
    gap = std::max(gap, std::abs((sorted[i] / limit + 1) / 2 - (static_cast<double>(i) + 0.5) / n));
  }
  CHECK(std::abs(sum / n) <= 5 * limit / std::sqrt(3 * n));
  // The square of such a draw has mean limit^2 / 3 and variance 4 / 45 limit^4.
  CHECK(std::abs(squares / n - limit * limit / 3) <= 5 * limit * limit * std::sqrt(4 / (45 * n)));
  CHECK(gap <= 2.5 / std::sqrt(n) + 0.5 / n);  // Kolmogorov: more has the probability 2 exp(-12.5)
}

TEST_CASE("initializers: PyTorch's weights and biases are uniform within 1 / sqrt(fan-in); norms keep their start") {
  const nn::ConvNet net({.channels = 2, .size = 8, .classes = 150, .width = 128, .depth = 2});
  for (const double gain : {1.0, 0.5}) {
    Random random(3);
    const Tensor<double> theta = net.parameters().initialize<double>(Initializer::pytorch, gain, random);
    Index fan_in = 0;
    for (const nn::Parameter& entry : net.parameters().entries()) {
      CAPTURE(entry.name);
      const double* first = theta.data() + entry.offset;
      const std::vector<double> values(first, first + entry.shape.size());
      if (entry.name.find("norm") != std::string::npos) {
        CHECK(entry.fan_in == 0);
        CHECK(std::ranges::all_of(values, [&](double value) { return std::abs(value - entry.start) <= 0; }));
        continue;
      }
      if (entry.shape.rank() > 1) fan_in = entry.shape.features();
      CHECK(entry.fan_in == (entry.shape.rank() > 1 ? 0 : fan_in));
      check_uniform(values, gain / std::sqrt(static_cast<double>(fan_in)));
    }
  }
}

/// A number that follows from every bit.
template <class T>
std::uint64_t hash_of(const Tensor<T>& tensor) {
  std::uint64_t hash = 0;
  for (const T value : tensor.values()) hash = hash * 31 + std::bit_cast<std::uint32_t>(value);
  return hash;
}

TEST_CASE("initializers: the others draw weights alone, in the order of theta, and the same bits for ever") {
  const nn::LeNet net;
  const std::pair<Initializer, std::uint64_t> initializers[] = {
      {Initializer::xavier_normal, 0x50de1cdf01c2fe00u}, {Initializer::xavier_uniform, 0x8b7a360721de0adau},
      {Initializer::he_normal, 0x159187eb279497cbu},     {Initializer::he_normal_out, 0x7d9c6cc09d4c843eu},
      {Initializer::normal, 0xd5ad510feb0f7294u},        {Initializer::orthogonal, 0}};
  for (const auto& [initializer, hash] : initializers) {
    Random random(7), same(7);
    const Tensor<float> theta = net.parameters().initialize<float>(initializer, 1.5, random);
    Tensor<float> expected(theta.shape());
    for (const nn::Parameter& entry : net.parameters().entries()) {
      if (entry.shape.rank() < 2) continue;
      nn::initialize(initializer, 1.5, entry.shape, expected.data() + entry.offset, same);
    }
    CHECK(equal(theta, expected));
    if (hash != 0) CHECK(hash_of(theta) == hash);  // of the orthogonal ones a compiler may contract products and sums
  }
}

}  // namespace
}  // namespace hypertape::testing
