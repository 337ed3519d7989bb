#include "hypertape/distill/distiller.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "hypertape/data/glyphs.hpp"
#include "hypertape/nn/lenet.hpp"
#include "hypertape/nn/mlp.hpp"
#include "support/check_error.hpp"
#include "support/compare.hpp"

namespace hypertape::testing {
namespace {

using distill::Distiller;
using distill::DistillOptions;

const data::Dataset& glyphs() {
  static const data::Dataset dataset = data::generate_glyphs(600, 100, 1);
  return dataset;
}

DistillOptions small_options() {
  DistillOptions options;
  options.iterations = 60;
  options.batch = 64;
  options.hold_out = 100;
  options.seed = 3;
  return options;
}

/// A network that learns in moments.
nn::Mlp small_network() { return nn::Mlp({784, 10}); }

TEST_CASE("distiller: a linear model learns digits from ten images, far above chance") {
  Distiller<nn::Mlp> distiller(small_network(), glyphs(), small_options(), WorkerTeam(2));
  const double before = distiller.hold_out_accuracy();
  const double first_loss = distiller.iterate();
  double last_loss = first_loss;
  while (distiller.iteration() < 60) last_loss = distiller.iterate();
  CHECK(last_loss < first_loss);
  CHECK(before <= 40);
  CHECK(distiller.hold_out_accuracy() >= 60);
}

TEST_CASE("distiller: the same bits on one thread and on more") {
  const auto distil = [](int threads) {
    DistillOptions options = small_options();
    options.steps = 2;
    Distiller<nn::LeNet> distiller(nn::LeNet(), glyphs(), options, WorkerTeam(threads));
    for (int i = 0; i < 3; ++i) distiller.iterate();
    return distiller.distilled();
  };
  const distill::DistilledSet one = distil(1);
  for (const int threads : {2, 3}) {
    const distill::DistilledSet many = distil(threads);
    CHECK(equal(many.learning_rates, one.learning_rates));
    for (std::size_t s = 0; s < 2; ++s) CHECK(equal(many.images[s], one.images[s]));
  }
}

TEST_CASE("distiller: another seed gives other images and weights") {
  DistillOptions options = small_options();
  Distiller<nn::Mlp> first(small_network(), glyphs(), options, WorkerTeam(1));
  options.seed = 4;
  Distiller<nn::Mlp> second(small_network(), glyphs(), options, WorkerTeam(1));
  CHECK(!equal(first.distilled().images[0], second.distilled().images[0]));
  CHECK(!equal(*first.distilled().theta0, *second.distilled().theta0));
}

TEST_CASE("distiller: a learning rate that diverges stops the run, and says where") {
  DistillOptions options = small_options();
  options.initial_learning_rate = 1e30;
  Distiller<nn::LeNet> distiller(nn::LeNet(), glyphs(), options, WorkerTeam(2));
  const distill::DistilledSet before = distiller.distilled();
  check_error<DivergenceError>([&] { distiller.iterate(); }, {"iteration 0", "inner step 1", "learning rates 1e+30"});
  CHECK(equal(distiller.distilled().images[0], before.images[0]));
}

TEST_CASE("distiller: options out of range, and a dataset that is too small") {
  const auto make = [](DistillOptions options) {
    Distiller<nn::Mlp> distiller(small_network(), glyphs(), options, WorkerTeam(1));
  };
  DistillOptions options = small_options();
  options.hold_out = 590;
  check_error<ArgumentError>([&] { make(options); }, {"training set of 600 images", "hold-out of 590", "batch of 64"});
  options = small_options();
  options.steps = 0;
  check_error<ArgumentError>([&] { make(options); }, {"steps must be at least 1", "0"});
  options = small_options();
  options.initial_learning_rate = std::nan("");
  check_error<ArgumentError>([&] { make(options); }, {"initial learning rate must be positive"});
}

}  // namespace
}  // namespace hypertape::testing
