#include "hypertape/distill/free_training.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <numeric>

#include "hypertape/nn/mlp.hpp"
#include "support/check_error.hpp"
#include "support/compare.hpp"
#include "support/random_tensor.hpp"

namespace hypertape::testing {
namespace {

using distill::DistilledSet;
using distill::FreeTraining;

/// 12 images in two steps, whatever learning rates they had.
DistilledSet small_set() {
  DistilledSet set;
  for (std::uint64_t s = 0; s < 2; ++s) {
    set.images.push_back(random_tensor<float>(Shape::batch(6, 1, 2, 2), s));
    set.labels.push_back(random_tensor<float>(Shape::batch(6, 3), 10 + s));
  }
  set.learning_rates = Tensor<float>(Shape{1, 2}, 1e9f);
  return set;
}

const nn::Network<float>& linear_network() {
  static const nn::Network<float> network("linear", nn::Mlp({4, 3}));
  return network;
}

TEST_CASE("free training: one batch of all is descent by the rule, cut to a tenth halfway") {
  const DistilledSet set = small_set();
  const FreeTraining options{.learning_rate = 0.5, .epochs = 6};
  const Tensor<float> theta0 = random_tensor<float>(Shape{15}, 3);
  const Tensor<float> trained = distill::free_trainer(linear_network(), set, options, 1)(theta0, 0, WorkerTeam(1));
  // By hand, in double: momentum 0.9, weight decay 5e-4.
  std::vector<double> theta(theta0.values().begin(), theta0.values().end()), velocity(15);
  const auto [x, y] = distill::all_images(set);
  for (int epoch = 0; epoch < 6; ++epoch) {
    std::vector<double> gradient(15);
    for (Index n = 0; n < 12; ++n) {
      double p[3], sum = 0, weight = 0;
      for (Index k = 0; k < 3; ++k) {
        p[k] = theta[static_cast<std::size_t>(12 + k)];
        for (Index f = 0; f < 4; ++f) p[k] += theta[static_cast<std::size_t>(k * 4 + f)] * double{x[f * 12 + n]};
        p[k] = std::exp(p[k]);
        sum += p[k];
        weight += double{y(n, k)};
      }
      for (Index k = 0; k < 3; ++k) {
        const double slope = (weight * p[k] / sum - double{y(n, k)}) / 12;
        for (Index f = 0; f < 4; ++f) gradient[static_cast<std::size_t>(k * 4 + f)] += slope * double{x[f * 12 + n]};
        gradient[static_cast<std::size_t>(12 + k)] += slope;
      }
    }
    for (std::size_t i = 0; i < 15; ++i) {
      velocity[i] = 0.9 * velocity[i] + gradient[i] + 5e-4 * theta[i];
      theta[i] -= (epoch < 3 ? 0.5 : 0.05) * velocity[i];
    }
  }
  for (Index i = 0; i < 15; ++i) CHECK(std::abs(double{trained[i]} - theta[static_cast<std::size_t>(i)]) <= 1e-5);
}

TEST_CASE("free training: batches are other ones for each network and pass, the same on any number of threads") {
  const DistilledSet set = small_set();
  const Tensor<float> theta0 = random_tensor<float>(Shape{15}, 3);
  const auto train = [&](Index number, int threads, const FreeTraining& options) {
    return distill::free_trainer(linear_network(), set, options, 1)(theta0, number, WorkerTeam(threads));
  };
  const FreeTraining five{.epochs = 4, .batch = 5};  // 5, 5 and 2 images a pass
  CHECK(equal(train(0, 1, five), train(0, 3, five)));
  CHECK(!equal(train(0, 1, five), train(1, 1, five)));
  const FreeTraining all{.epochs = 4, .batch = 100};
  CHECK(relative_error(train(0, 1, all), train(1, 1, all)) <= 1e-5);  // but for the order of sums
}

TEST_CASE("free training: images are varied as the options say, or as the set was made, on any number of threads") {
  DistilledSet set = small_set();
  const auto train = [&](const FreeTraining& options, int threads = 1) {
    const Tensor<float> theta0 = random_tensor<float>(Shape{15}, 3);
    return distill::free_trainer(linear_network(), set, options, 1)(theta0, 0, WorkerTeam(threads));
  };
  const data::Augmentation flip{.flip = true}, none;
  const Tensor<float> plain = train({.epochs = 4}), flipped = train({.epochs = 4, .augmentation = flip});
  CHECK(!equal(plain, flipped));
  set.augmentation = flip;
  CHECK(equal(train({.epochs = 4}), flipped));
  CHECK(equal(train({.epochs = 4}, 3), flipped));
  CHECK(equal(train({.epochs = 4, .augmentation = none}), plain));
  check_error<ArgumentError>([] { FreeTraining{.augmentation = data::Augmentation{.crop = -1}}.validate(); }, {"crop"});
}

TEST_CASE("free training: it cuts where it is told to, and refuses what is out of bounds") {
  FreeTraining options{.learning_rate = 0.3, .epochs = 9};
  CHECK(options.rate_of(4) == 0.3);
  CHECK(options.rate_of(5) == 0.3 / 10);
  options.cut_at = 2;
  CHECK(options.rate_of(1) == 0.3);
  CHECK(options.rate_of(2) == 0.3 / 10);
  options.learning_rate = 0;
  check_error<ArgumentError>([&] { options.validate(); }, {"FreeTraining", "learning_rate"});
  const FreeTraining wild{.learning_rate = 1e9, .epochs = 30};
  check_error<DivergenceError>(
      [&] {
        distill::free_trainer(linear_network(), small_set(), wild, 1)(Tensor<float>(Shape{15}, 1.f), 0, WorkerTeam(1));
      },
      {"epoch ", "loss"});
}

}  // namespace
}  // namespace hypertape::testing
