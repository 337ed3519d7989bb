#include "support/golden.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <string>

#include "hypertape/data/row_major.hpp"
#include "hypertape/nn/classification_loss.hpp"
#include "hypertape/nn/lenet.hpp"
#include "hypertape/ops/losses.hpp"
#include "hypertape/unroll/hypergradient.hpp"

// LeNet's hypergradient through 1, 3 and 6 steps against values that PyTorch computed in double precision, from the
// same inputs but with the whole unroll as one graph (tests/golden/lenet_hypergradient.py).

namespace hypertape::testing {
namespace {

constexpr Index images_per_step = 3, real_images = 8, classes = 10;

template <class T>
Tensor<T> golden_images(std::uint64_t salt, Index count) {
  std::vector<T> values(static_cast<std::size_t>(count * 784));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<T>(2 * golden_uniform(salt, i) - 1);
  return data::from_row_major(Shape{count, 1, 28, 28}, values);
}

template <class T>
Tensor<T> golden_theta(const nn::LeNet& net) {
  Tensor<T> theta(Shape{net.parameters().size()});
  for (const auto& entry : net.parameters().entries()) {
    const double scale = entry.shape.rank() == 1 ? 0.1 : std::sqrt(3 / static_cast<double>(entry.shape.stride()));
    for (Index i = entry.offset; i < entry.offset + entry.shape.size(); ++i) {
      theta[i] = static_cast<T>((2 * golden_uniform(1, static_cast<std::uint64_t>(i)) - 1) * scale);
    }
  }
  return theta;
}

template <class T>
Tensor<T> golden_labels(Index s, bool soft) {
  Tensor<T> labels(Shape{images_per_step, classes});
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

/// The relative error |got - want| / |want| of the stored parts of a gradient: its norm, its samples, its projections.
template <class T>
void check_parts(const std::map<std::string, std::vector<double>>& golden, const std::string& name,
                 const std::vector<T>& got, std::size_t every, double tolerance) {
  const double norm = golden.at(name + "/norm").at(0);
  double square = 0;
  for (const T value : got) square += static_cast<double>(value) * static_cast<double>(value);
  CHECK(std::abs(std::sqrt(square) - norm) <= tolerance * norm);

  const std::vector<double>& samples = golden.at(name + "/sample");
  REQUIRE(samples.size() == (got.size() + every - 1) / every);
  double difference = 0, total = 0;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    difference += std::pow(static_cast<double>(got[i * every]) - samples[i], 2);
    total += samples[i] * samples[i];
  }
  CHECK(std::sqrt(difference) <= tolerance * std::sqrt(total));

  const std::vector<double>& projections = golden.at(name + "/projection");
  REQUIRE(projections.size() == 4);
  for (std::size_t j = 0; j < 4; ++j) {
    double projection = 0;
    for (std::size_t i = 0; i < got.size(); ++i) {
      projection += static_cast<double>(got[i]) * (2 * golden_uniform(50 + j, i) - 1);
    }
    CHECK(std::abs(projection - projections[j]) <= tolerance * norm);
  }
}

template <class T>
void check_run(const std::string& run, Index steps, Index epochs, bool soft, SecondDerivative second,
               double tolerance) {
  const auto golden = read_golden(std::string(HYPERTAPE_TEST_FOLDER) + "/golden/lenet_hypergradient.txt");
  const nn::LeNet net;
  InnerLoop<T> loop;
  loop.theta0 = golden_theta<T>(net);
  for (Index s = 0; s < steps; ++s) {
    loop.x.push_back(golden_images<T>(static_cast<std::uint64_t>(10 + s), images_per_step));
    loop.y.push_back(golden_labels<T>(s, soft));
  }
  loop.learning_rates = Tensor<T>(Shape{epochs, steps});
  for (Index t = 0; t < loop.length(); ++t) {
    loop.learning_rates[t] = static_cast<T>(0.05 + 0.05 * golden_uniform(30, static_cast<std::uint64_t>(t)));
  }
  const Tensor<T> real = golden_images<T>(20, real_images);
  std::vector<std::int32_t> real_labels;
  for (std::int32_t n = 0; n < real_images; ++n) real_labels.push_back((7 * n + 3) % classes);

  const nn::ClassificationLoss<nn::LeNet> inner{&net};
  const auto outer = [&](Var<T> theta) {
    return softmax_cross_entropy(net(theta, theta.tape().leaf(real)), std::span<const std::int32_t>(real_labels));
  };
  UnrollOptions options;
  options.differentiate_y = soft;
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

  std::vector<T> images, labels;
  for (Index s = 0; s < steps; ++s) {
    const std::vector<T> step = data::to_row_major(h.x[static_cast<std::size_t>(s)]);
    images.insert(images.end(), step.begin(), step.end());
    if (!soft) continue;
    const std::vector<T> step_labels = data::to_row_major(h.y[static_cast<std::size_t>(s)]);
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
void check_run(const std::string& run, Index steps, Index epochs, bool soft) {
  for (const auto second : {SecondDerivative::fastest, SecondDerivative::forward_over_reverse}) {
    check_run<double>(run, steps, epochs, soft, second, double_tolerance);
    check_run<float>(run, steps, epochs, soft, second, float_tolerance);
  }
}

TEST_CASE("golden: one step") { check_run("T1/hard", 1, 1, false); }
TEST_CASE("golden: one step, three epochs") { check_run("T3/hard", 1, 3, false); }
TEST_CASE("golden: three steps, two epochs") { check_run("T6/hard", 3, 2, false); }
TEST_CASE("golden: soft labels") { check_run("T3/soft", 1, 3, true); }

}  // namespace
}  // namespace hypertape::testing
