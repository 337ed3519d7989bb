#include "support/golden.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <string>

#include "hypertape/core/row_major.hpp"
#include "hypertape/nn/classification_loss.hpp"
#include "hypertape/nn/lenet.hpp"
#include "hypertape/ops/losses.hpp"
#include "hypertape/optim/heavy_ball.hpp"
#include "hypertape/unroll/unroll.hpp"

// LeNet's hypergradient through 1, 3 and 6 steps against values that PyTorch computed in double precision, from the
// same inputs but with the whole unroll as one graph (tests/golden/lenet_hypergradient.py, momentum.py).

namespace hypertape::testing {
namespace {

constexpr Index images_per_step = 3, real_images = 8, classes = 10;

template <class T>
Tensor<T> golden_labels(Index s, bool soft) {
  Tensor<T> labels(Shape::batch(images_per_step, classes));
  for (Index n = 0; n < images_per_step; ++n) {
    double total = 0;
    const auto u = [&](Index k) {
      return golden_uniform(static_cast<std::uint64_t>(40 + s), static_cast<std::uint64_t>(n * classes + k));
    };
    for (Index k = 0; k < classes; ++k) total += u(k);
    for (Index k = 0; k < classes; ++k) {
      labels(n, k) = static_cast<T>(soft ? u(k) / total : (k == (3 * s + n) % classes ? 1 : 0));
    }
  }
  return labels;
}

template <class T>
void check_run(const std::string& run, Index steps, Index epochs, bool soft, double momentum, SecondDerivative second,
               double tolerance) {
  const std::string file = momentum > 0 ? "momentum" : "lenet_hypergradient";
  const Golden golden = read_golden(file);
  const nn::LeNet net;
  InnerLoop<T> loop;
  loop.theta0 = golden_weights<T>(1, net.parameters());
  for (Index s = 0; s < steps; ++s) {
    loop.x.push_back(golden_images<T>(static_cast<std::uint64_t>(10 + s), Shape::batch(images_per_step, 1, 28, 28)));
    loop.y.push_back(golden_labels<T>(s, soft));
  }
  loop.learning_rates = Tensor<T>(Shape{epochs, steps});
  for (Index t = 0; t < loop.length(); ++t) {
    loop.learning_rates[t] = static_cast<T>(0.05 + 0.05 * golden_uniform(30, static_cast<std::uint64_t>(t)));
  }
  if (momentum > 0) loop.rule = optim::HeavyBall{momentum};
  const Tensor<T> real = golden_images<T>(20, Shape::batch(real_images, 1, 28, 28));
  std::vector<std::int32_t> real_labels;
  for (std::int32_t n = 0; n < real_images; ++n)
    real_labels.push_back((7 * n + 3) % static_cast<std::int32_t>(classes));

  const nn::ClassificationLoss inner{&net};
  const auto outer = [&](Var<T> theta) {
    return softmax_cross_entropy(net(theta, theta.tape().leaf(real)), std::span<const std::int32_t>(real_labels));
  };
  UnrollOptions options;
  options.differentiate.y = soft;
  options.second_derivative = second;
  const Hypergradient<T> h = hypergradient(loop, inner, outer, options);

  const double loss = golden.at(run + "/loss").at(0);
  CHECK(std::abs(static_cast<double>(h.outer_loss) - loss) <= tolerance * loss);
  const std::vector<double>& rates = golden.at(run + "/learning_rates");
  REQUIRE(static_cast<Index>(rates.size()) == h.learning_rates.size());
  double difference = 0, total = 0;
  for (std::size_t t = 0; t < rates.size(); ++t) {
    difference += std::pow(static_cast<double>(h.learning_rates[static_cast<Index>(t)]) - rates[t], 2);
    total += rates[t] * rates[t];
  }
  CHECK(std::sqrt(difference) <= tolerance * std::sqrt(total));
  if (momentum > 0) {
    const double expected = golden.at(run + "/momentum").at(0);
    CHECK(std::abs(static_cast<double>(h.rule["momentum"]) - expected) <= tolerance * std::abs(expected));
  }

  std::vector<T> images, labels;
  for (Index s = 0; s < steps; ++s) {
    const std::vector<T> step = to_row_major(h.x[static_cast<std::size_t>(s)]);
    images.insert(images.end(), step.begin(), step.end());
    if (!soft) continue;
    const std::vector<T> step_labels = to_row_major(h.y[static_cast<std::size_t>(s)]);
    labels.insert(labels.end(), step_labels.begin(), step_labels.end());
  }
  check_parts(golden, run + "/images", images, 7, tolerance);
  check_parts(golden, run + "/theta_0", std::vector<T>(h.theta0.values().begin(), h.theta0.values().end()), 101,
              tolerance);
  if (soft) check_parts(golden, run + "/labels", labels, 1, tolerance);
}

// Double: both sides round some thousand operations, 1e-16 each. Float: the same with 6e-8, and cancellation.
constexpr double double_tolerance = 1e-9, float_tolerance = 1e-3;

/// By the fused LeNet and by the tape.
void check_run(const std::string& run, Index steps, Index epochs, bool soft, double momentum = 0) {
  for (const auto second : {SecondDerivative::forward_over_reverse, SecondDerivative::forward_over_reverse}) {
    check_run<double>(run, steps, epochs, soft, momentum, second, double_tolerance);
    check_run<float>(run, steps, epochs, soft, momentum, second, float_tolerance);
  }
}

TEST_CASE("golden: one step") { check_run("T1/hard", 1, 1, false); }
TEST_CASE("golden: one step, three epochs") { check_run("T3/hard", 1, 3, false); }
TEST_CASE("golden: three steps, two epochs") { check_run("T6/hard", 3, 2, false); }
TEST_CASE("golden: momentum") { check_run("T6/momentum", 3, 2, false, 0.9); }
TEST_CASE("golden: soft labels") { check_run("T3/soft", 1, 3, true); }

}  // namespace
}  // namespace hypertape::testing
