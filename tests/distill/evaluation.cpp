#include "hypertape/distill/evaluation.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <limits>
#include <numeric>

#include "hypertape/data/glyphs.hpp"
#include "hypertape/distill/initial_images.hpp"
#include "hypertape/nn/mlp.hpp"
#include "support/check_error.hpp"
#include "support/compare.hpp"
#include "support/glyphs.hpp"
#include "support/random_tensor.hpp"

namespace hypertape::testing {
namespace {

TEST_CASE("evaluation: counts by the largest logit, on any number of threads") {
  const Tensor<float> theta = random_tensor<float>(Shape{7850}, 1);
  const data::LabeledImages& images = glyphs<300, 130>().test;
  distill::Confusion expected(10);
  std::vector<Index> all(130);
  std::iota(all.begin(), all.end(), Index{0});
  Tensor<float> x;
  data::gather(images, std::span<const Index>(all), glyphs<300, 130>().normalization, x);
  for (Index n = 0; n < 130; ++n) {
    std::array<double, 10> logits{};
    for (Index k = 0; k < 10; ++k) {
      for (Index i = 0; i < 784; ++i)
        logits[static_cast<std::size_t>(k)] += double{theta[k * 784 + i]} * double{x[i * 130 + n]};
      logits[static_cast<std::size_t>(k)] += double{theta[7840 + k]};
    }
    expected.add(images.labels[static_cast<std::size_t>(n)],
                 std::max_element(logits.begin(), logits.end()) - logits.begin());
  }
  for (const int threads : {1, 3}) {
    const auto found =
        distill::confusion(glyph_network(), theta, images, glyphs<300, 130>().normalization, WorkerTeam(threads));
    for (Index k = 0; k < 10; ++k) {
      for (Index j = 0; j < 10; ++j) CHECK(found.count(k, j) == expected.count(k, j));
    }
  }
  Tensor<float> bad = theta;
  bad[0] = std::numeric_limits<float>::infinity();
  check_error<DivergenceError>(
      [&] { distill::confusion(glyph_network(), bad, images, glyphs<300, 130>().normalization, WorkerTeam(2)); },
      {"not finite"});
}

TEST_CASE("evaluation: a network of other classes, and a label that is none, are errors") {
  const nn::Network<float> two("two", nn::Mlp({784, 2}));
  const Tensor<float> theta = random_tensor<float>(Shape{1570}, 1);
  data::LabeledImages images = glyphs<300, 130>().test;
  const auto confusion = [&] {
    distill::confusion(two, theta, images, glyphs<300, 130>().normalization, WorkerTeam(2));
  };
  check_error<ShapeError>(confusion, {"accuracy: the network gives", "2)", "10 classes need", "10)"});
  images.classes = 2;  // with labels up to 9
  check_error<ArgumentError>(confusion, {"Confusion: class", "is not in 0 .. 1"});
}

distill::DistilledSet evaluated_set(std::uint64_t seed = 2) {
  distill::DistilledSet set;
  set.images = {random_tensor<float>(Shape::batch(10, 1, 28, 28), seed)};
  set.labels = {random_tensor<float>(Shape::batch(10, 10), 3)};
  set.soft_labels = true;
  set.learning_rates = Tensor<float>(Shape{2, 1}, 0.01f);
  set.normalization = glyphs<300, 130>().normalization;
  return set;
}

TEST_CASE("evaluation: networks are trained one by one or side by side, to the same bits") {
  distill::DistilledSet drawn = evaluated_set();
  drawn.learning_rates = Tensor<float>(Shape{1, 1}, 0.01f);
  drawn.unordered = {3, 4};
  const std::vector<Index> numbers = {4, 2, 7};
  std::vector<Tensor<float>> theta0(3, random_tensor<float>(Shape{7850}, 10));
  for (const distill::DistilledSet& set : {evaluated_set(), drawn}) {
    const nn::Network<float> network = glyph_network();
    const auto train = [&](int threads) {
      return distill::train_networks(distill::set_trainer(network, set, 1), theta0, numbers, WorkerTeam(threads));
    };
    const auto serial = train(1);
    for (const int threads : {2, 5}) {
      const auto parallel = train(threads);
      for (std::size_t i = 0; i < 3; ++i) CHECK(equal(parallel[i].theta, serial[i].theta));
    }
    // Each network draws other batches, where it draws any.
    CHECK(equal(serial[0].theta, serial[1].theta) == !set.unordered.has_value());
  }
}

TEST_CASE("evaluation: a network whose training fails is named, and the others are there") {
  const nn::Network<float> network = glyph_network();
  const distill::DistilledSet set = evaluated_set();
  std::vector<Tensor<float>> theta0(3, random_tensor<float>(Shape{7850}, 1));
  theta0[1][0] = std::numeric_limits<float>::quiet_NaN();
  const auto trained =
      distill::train_networks(distill::set_trainer(network, set, 1), theta0, data::all_indices(3), WorkerTeam(2));
  CHECK(!trained[0].failure);
  CHECK(trained[1].failure);
  CHECK(equal(trained[0].theta, trained[2].theta));
}

TEST_CASE("evaluation: a set beside random real images under its labels, by its own steps and freely") {
  const nn::Network<float> network = glyph_network();
  const data::Dataset& dataset = glyphs<300, 130>();
  distill::DistilledSet set = evaluated_set();
  set.labels = {distill::balanced_labels(10, 1)};
  set.soft_labels = false;
  set.learning_rates = Tensor<float>(Shape{20, 1}, 0.02f);
  distill::EvaluateOptions options;
  options.initialization.random = true;
  options.networks = 3;
  for (const bool free : {false, true}) {
    if (free) options.free = distill::FreeTraining{.learning_rate = 0.01, .epochs = 60};
    options.real_images = false;
    const double noise = distill::evaluate(network, set, dataset, options).accuracy().mean;
    options.real_images = true;
    const distill::Evaluation real = distill::evaluate(network, set, dataset, options);
    CHECK(real.after.size() == 3);
    CHECK(real.accuracy().mean >= noise + 5);  // random noise teaches nothing
    // Each network has real images of its own: the first is trained on those of number 0.
    const distill::DistilledSet first =
        distill::with_real_images(set, dataset.train, data::all_indices(dataset.train.count), 1, 0);
    options.real_images = false;
    CHECK(distill::evaluate(network, first, dataset, options).after[0].accuracy() == real.after[0].accuracy());
    CHECK(distill::evaluate(network, first, dataset, options).accuracy().mean != real.accuracy().mean);
  }
}

TEST_CASE("evaluation: a network that failed, in training or by its outputs, gets nothing right") {
  std::vector<distill::TrainingResult> trained(3);
  for (distill::TrainingResult& one : trained) one.theta = random_tensor<float>(Shape{7850}, 1);
  trained[1].failure = DivergenceError("inner step 1: not finite");
  trained[2].theta.fill(3e38f);  // finite, its outputs are not
  const std::array<Index, 2> which = {0, 1};
  const auto tested = distill::test_networks(glyph_network(), trained, glyphs<300, 130>().test, which,
                                             glyphs<300, 130>().normalization, WorkerTeam(1));
  distill::require_success(tested[0], 20);
  for (const std::size_t i : {std::size_t{1}, std::size_t{2}}) {
    CHECK(tested[i].confusion.accuracy() == 0);
    check_error<DivergenceError>([&] { distill::require_success(tested[i], 21); }, {"network 21", "not finite"});
  }
}

TEST_CASE("evaluation: a test label that is no class is an error before anything is trained") {
  data::Dataset wrong = glyphs<300, 130>();
  wrong.test.labels[3] = 11;
  check_error<ArgumentError>([&] { distill::evaluate(glyph_network(), {}, wrong, {}); },
                             {"evaluate: label 11 of test image 3 is not in 0 .. 9"});
}

}  // namespace
}  // namespace hypertape::testing
