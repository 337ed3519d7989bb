#include "hypertape/distill/ridge_step.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "hypertape/data/glyphs.hpp"
#include "hypertape/distill/distiller.hpp"
#include "hypertape/nn/convnet.hpp"
#include "hypertape/nn/mlp.hpp"
#include "support/check_error.hpp"
#include "support/compare.hpp"
#include "support/glyphs.hpp"

namespace hypertape::testing {
namespace {

using distill::Distiller;
using distill::DistillOptions;
using distill::InitialWeights;
using distill::RandomPurpose;

const nn::Network<float>& mlp() {
  static const nn::Network<float> network("mlp", nn::Mlp({784, 30, 10}));
  return network;
}

DistillOptions ridge_options() {
  DistillOptions options;
  options.initialization.random = true;
  options.inner_loop.unordered = true;
  options.inner_loop.steps = 20;
  options.inner_loop.epochs = 1;
  options.inner_loop.initial_learning_rate = 0.1;
  options.labels.soft = true;
  options.outer_loop.step = distill::OuterStepKind::ridge;
  options.outer_loop.iterations = 30;
  options.ridge = {.pool_networks = 3, .pool_steps = 5, .pool_learning_rate = 1e-3};
  options.real.batch = 64;
  options.validation.hold_out = 100;
  options.validation.networks = 2;
  options.seed = 3;
  return options;
}

void check_same(const distill::DistilledSet& a, const distill::DistilledSet& b) {
  CHECK(equal(a.learning_rates, b.learning_rates));
  CHECK(equal(a.images[0], b.images[0]));
  CHECK(equal(a.labels[0], b.labels[0]));
}

TEST_CASE("ridge step: networks learn from the images that it makes, a linear model and a convnet") {
  const nn::Network<float> linear("linear", nn::Mlp({784, 10}));
  const nn::Network<float> convnet("convnet",
                                   nn::ConvNet({.channels = 1, .size = 28, .classes = 10, .width = 16, .depth = 2}));
  for (const nn::Network<float>* network : {&linear, &convnet}) {
    for (const bool soft : {false, true}) {
      DistillOptions options = ridge_options();
      options.labels.soft = soft;
      options.inner_loop.steps = 50;
      Distiller distiller(*network, glyphs<600, 100>(), options, WorkerTeam(2));
      const double before = distiller.evaluate();
      double first = 0, last = 0;
      for (int i = 0; i < 30; ++i) (i < 10 ? first : last) += distiller.iterate() / (i < 10 ? 10 : 20);
      CHECK(last < 0.9 * first);
      CHECK(distiller.evaluate() >= before + 10);
      const distill::DistilledSet set = distiller.distilled();
      CHECK(set.unordered == distill::Unordered{50, 10});
      CHECK(equal(set.learning_rates, Tensor<float>(Shape{1, 1}, 0.1f)));  // which are not learned
      CHECK(set.soft_labels == soft);
      CHECK(equal(set.labels[0], distill::balanced_labels(10, 1)) != soft);
    }
  }
}

TEST_CASE("ridge step: the same bits on one thread and on more") {
  const auto distil = [](int threads) {
    Distiller distiller(mlp(), glyphs<600, 100>(), ridge_options(), WorkerTeam(threads));
    for (int i = 0; i < 8; ++i) distiller.iterate();
    return std::pair(distiller.distilled(), distiller.evaluate());
  };
  const auto one = distil(1);
  for (const int threads : {2, 5}) {
    const auto many = distil(threads);
    check_same(many.first, one.first);
    CHECK(many.second == one.second);
  }
}

TEST_CASE("ridge step: a run that is continued from a checkpoint gives the bits of one that was not stopped") {
  DistillOptions options = ridge_options();
  options.outer_loop.average = 0.9;
  options.augmentation = {.flip = true, .crop = 2};
  const auto fresh = [&] { return std::make_unique<Distiller>(mlp(), glyphs<600, 100>(), options, WorkerTeam(1)); };
  const auto whole = fresh();
  for (int i = 0; i < 20; ++i) whole->iterate();  // each of the three networks has been replaced by then
  for (const int stop : {0, 1, 11}) {
    const auto first = fresh(), second = fresh();
    for (int i = 0; i < stop; ++i) first->iterate();
    second->iterate();  // whatever was there before is gone
    second->restore(first->checkpoint(), "checkpoint.npz");
    while (second->iteration() < 20) second->iterate();
    check_same(second->distilled(), whole->distilled());
  }
  io::Npz damaged = whole->checkpoint();
  damaged["pool.numbers"].shape = {1};
  check_error<DataError>([&] { whole->restore(damaged, "checkpoint.npz"); }, {"checkpoint.npz", "pool.numbers"});
}

/// The step of `ridge_options`, and the set that it begins with.
struct Step {
  DistillOptions options = ridge_options().resolved(glyphs<600, 100>().train);
  distill::DistilledSet set = Distiller(mlp(), glyphs<600, 100>(), ridge_options(), WorkerTeam(1)).distilled();
  InitialWeights weights{mlp(), {}, options.seed, RandomPurpose::theta};
  distill::RidgeStep step{mlp(),   weights, distill::BatchSampler(glyphs<600, 100>(), data::all_indices(500), options),
                          options, set,     WorkerTeam(1)};
};

TEST_CASE("ridge step: it takes one network of the pool, and trains the one that the iteration before took") {
  Step s;
  std::set<Index> taken;
  for (long iteration = 0; iteration < 12; ++iteration) {
    std::vector<Tensor<float>> before;
    for (Index i = 0; i < 3; ++i) before.push_back(s.step.pool()[i]);
    const distill::OuterGradient found = s.step(s.set, iteration);
    CHECK(std::isfinite(found.loss));
    CHECK(found.gradient.images[0].shape() == s.set.images[0].shape());
    CHECK(found.gradient.labels[0].shape() == s.set.labels[0].shape());
    CHECK(equal(found.gradient.learning_rates, Tensor<float>(Shape{1, 1})));
    CHECK(!found.certificate);
    int changed = 0;
    for (Index i = 0; i < 3; ++i) {
      if (equal(s.step.pool()[i], before[static_cast<std::size_t>(i)])) continue;
      ++changed;
      taken.insert(i);
    }
    CHECK(changed == (iteration == 0 ? 0 : 1));
  }
  CHECK(taken.size() == 3);
}

TEST_CASE("ridge step: derivatives go through the variations of the distilled images") {
  Step s;
  s.set.augmentation = {.flip = true, .crop = 2, .scale = 1.2, .rotate = 15, .brightness = 0.5, .cutout = 0.3};
  const Tensor<float> images = s.set.images[0];
  const Tensor<float> gradient = s.step(s.set, 0).gradient.images[0];  // in iteration 0 no network changes
  double norm = 0;                                                     // squared
  for (const float value : gradient.values()) norm += double{value} * double{value};
  const auto loss_at = [&](float step) {
    for (Index i = 0; i < images.size(); ++i) s.set.images[0][i] = images[i] + step * gradient[i];
    return s.step(s.set, 0).loss;
  };
  const auto step = static_cast<float>(1e-2 / std::sqrt(norm));  // of length 0.01
  const double difference = (loss_at(step) - loss_at(-step)) / (2 * double{step});
  CHECK(std::abs(difference - norm) <= 0.02 * norm);
  const distill::OuterGradient plain = [&] {
    s.set.images[0] = images;
    s.set.augmentation = {};
    return s.step(s.set, 0);
  }();
  CHECK(!equal(plain.gradient.images[0], gradient));
}

TEST_CASE("ridge step: a network that diverges is replaced, and the iteration is skipped or stops the run") {
  Step s;
  const distill::DistilledSet good = s.set;
  s.set.images[0][7] = std::nanf("");
  check_error<DivergenceError>([&] { s.step(s.set, 0); },
                               {"pool network ", ": ridge regression: a feature is not finite"});
  check_error<DivergenceError>([&] { s.step(s.set, 1); }, {"pool network ", ": BatchGradient: the loss is NaN"});
  CHECK(std::isfinite(s.step(good, 2).loss));

  DistillOptions options = ridge_options();
  options.ridge.pool_learning_rate = 1e9;  // networks have infinite features after their first steps
  options.ridge.pool_steps = 1000;
  options.outer_loop.skip_diverged = true;
  const nn::Network<float> deep("deep", nn::Mlp({784, 30, 30, 30, 30, 10}));
  Distiller distiller(deep, glyphs<600, 100>(), options, WorkerTeam(1));
  while (distiller.iteration() < 20) distiller.iterate();
  CHECK(distiller.skipped() > 0);
  CHECK(distiller.skipped() < 20);
  CHECK(distiller.distilled().images[0].all_finite());
}

TEST_CASE("ridge step: initial weights that end are refused") {
  DistillOptions options = ridge_options();
  options.initialization.random = false;
  check_error<ArgumentError>([&] { Distiller(mlp(), glyphs<600, 100>(), options, WorkerTeam(1)); },
                             {"needs random initial weights without end, got 1"});
}

}  // namespace
}  // namespace hypertape::testing
