#include "hypertape/distill/distillation.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <tuple>
#include <vector>

#include "hypertape/data/glyphs.hpp"
#include "hypertape/nn/lenet.hpp"
#include "hypertape/nn/mlp.hpp"
#include "support/check_error.hpp"
#include "support/compare.hpp"
#include "support/glyphs.hpp"

namespace hypertape::testing {
namespace {

using distill::BestState;
using distill::DistillOptions;
using distill::Progress;

DistillOptions distillation_options() {
  DistillOptions options;
  options.outer_loop.iterations = 7;
  options.outer_loop.networks = 2;
  options.validation.evaluate_every = 3;
  options.validation.networks = 2;
  options.real.batch = 50;
  options.seed = 3;
  return options;
}

TEST_CASE("distillation: progress is told before the first iteration and after each, scores as often as was asked") {
  std::vector<long> iterations, evaluated;
  double best = -1, last_loss = 0;
  long best_iteration = 0;
  const auto on_progress = [&](const Progress& now) {
    iterations.push_back(now.iteration);
    CHECK(now.iteration == now.distiller.iteration());
    CHECK(now.loss.has_value() == (now.iteration > 0));
    last_loss = now.loss.value_or(0);
    if (!now.score) return true;
    evaluated.push_back(now.iteration);
    if (*now.score > best) best = *now.score, best_iteration = now.iteration;
    CHECK(now.distiller.best()->score == best);
    return true;
  };
  const BestState result =
      distill::distill(glyph_network(), glyphs<400, 150>(), distillation_options(), on_progress, WorkerTeam(2));
  CHECK(iterations == std::vector<long>{0, 1, 2, 3, 4, 5, 6, 7});
  CHECK(evaluated == std::vector<long>{0, 3, 6, 7});
  CHECK(last_loss > 0);
  CHECK(result.score == best);
  CHECK(result.iteration == best_iteration);
  // The same without a callback, on one thread.
  const BestState again =
      distill::distill(glyph_network(), glyphs<400, 150>(), distillation_options(), {}, WorkerTeam(1));
  CHECK(again.score == best);
  CHECK(equal(again.set.images[0], result.set.images[0]));
  CHECK(equal(*again.set.theta0, *result.set.theta0));
}

TEST_CASE("distillation: where it is stopped it is evaluated, and it goes on to the same bits") {
  DistillOptions options = distillation_options();
  options.initialization.random = true;
  const WorkerTeam team(1);
  const auto go_on = [&](distill::Distiller& distiller, long stop) {
    std::vector<long> evaluated;
    distill::distill(distiller, [&](const Progress& now) {
      if (now.score) evaluated.push_back(now.iteration);
      return now.iteration < stop;
    });
    return evaluated;
  };
  distill::Distiller whole(glyph_network(), glyphs<400, 150>(), options, team),
      first(glyph_network(), glyphs<400, 150>(), options, team),
      second(glyph_network(), glyphs<400, 150>(), options, team),
      at_once(glyph_network(), glyphs<400, 150>(), options, team);
  CHECK(go_on(whole, 100) == std::vector<long>{0, 3, 6, 7});
  CHECK(!whole.distilled().theta0);
  CHECK(go_on(at_once, 0) == std::vector<long>{0});
  CHECK(go_on(first, 3) == std::vector<long>{0, 3});
  const io::Npz saved = first.checkpoint();
  CHECK(go_on(first, 5) == std::vector<long>{5});
  second.restore(saved, "checkpoint.npz");
  CHECK(go_on(second, 100) == std::vector<long>{6, 7});
  CHECK(equal(second.distilled().images[0], whole.distilled().images[0]));
  CHECK(second.best()->score == whole.best()->score);
  CHECK(go_on(second, 100).empty());
}

TEST_CASE("distillation: an iteration that was skipped has no loss; a divergence is no silent end") {
  DistillOptions options = distillation_options();
  options.inner_loop.initial_learning_rate = 1e9;
  options.validation.networks = 1;
  const nn::Network<float> lenet("lenet", nn::LeNet());
  check_error<DivergenceError>([&] { distill::distill(lenet, glyphs<400, 150>(), options); },
                               {"iteration 0", "network 0"});
  options.outer_loop.skip_diverged = true;
  const BestState result = distill::distill(lenet, glyphs<400, 150>(), options, [](const Progress& now) {
    CHECK(!now.loss);
    CHECK(now.distiller.skipped() == now.iteration);
    return true;
  });
  CHECK(result.score == 0);
  CHECK(result.iteration == 0);
}

TEST_CASE("distillation: what was distilled, evaluated: the weights that it was made for, and random ones") {
  DistillOptions options = distillation_options();
  options.outer_loop.iterations = 40;
  const BestState result = distill::distill(glyph_network(), glyphs<400, 150>(), options);
  const distill::Evaluation fixed = distill::evaluate(glyph_network(), result.set, glyphs<400, 150>(), {});
  REQUIRE(fixed.after.size() == 1);
  CHECK(fixed.accuracy().mean >= fixed.initial_accuracy().mean + 30);
  CHECK(fixed.accuracy().deviation == 0);
  distill::EvaluateOptions random{.initialization = {.random = true}, .networks = 5, .seed = 2};
  const distill::Evaluation several =
      distill::evaluate(glyph_network(), result.set, glyphs<400, 150>(), random, {}, WorkerTeam(2));
  REQUIRE(several.after.size() == 5);
  CHECK(several.accuracy().deviation > 0);
  // By hand.
  const distill::InitialWeights weights(glyph_network(), {}, 2, distill::RandomPurpose::evaluation);
  const nn::Network<float> network = glyph_network();
  const Tensor<float> theta = distill::set_trainer(network, result.set, 0)(weights[4], 4, WorkerTeam(1));
  CHECK(distill::confusion(network, theta, glyphs<400, 150>().test, glyphs<400, 150>().normalization, WorkerTeam(1))
            .accuracy() == several.after[4].accuracy());
  std::size_t calls = 0;
  const auto stop = [&](const distill::Evaluation& so_far) { return ++calls < 2 && so_far.after.size() < 5; };
  CHECK(distill::evaluate(glyph_network(), result.set, glyphs<400, 150>(), random, stop, WorkerTeam(1)).after.size() ==
        2);
}

TEST_CASE("distillation: an evaluation that cannot be") {
  distill::DistilledSet set = distill::distill(glyph_network(), glyphs<400, 150>(), distillation_options()).set;
  const nn::Network<float> other("mlp", nn::Mlp({784, 4, 10}));
  check_error<ArgumentError>([&] { distill::evaluate(other, set, glyphs<400, 150>(), {}); },
                             {"theta0", "for mlp", "7850"});
  set.theta0.reset();
  check_error<ArgumentError>([&] { distill::evaluate(glyph_network(), set, glyphs<400, 150>(), {}); }, {"no theta0"});
  check_error<ArgumentError>([&] { distill::evaluate(glyph_network(), set, glyphs<400, 150>(), {.networks = 0}); },
                             {"at least one network"});
  for (Tensor<float>& images : set.images) images.fill(1e30F);
  distill::EvaluateOptions options{.initialization = {.random = true}, .networks = 3};
  check_error<DivergenceError>([&] { distill::evaluate(glyph_network(), set, glyphs<400, 150>(), options); },
                               {"network 0"});
  options.skip_diverged = true;
  const distill::Evaluation result = distill::evaluate(glyph_network(), set, glyphs<400, 150>(), options);
  CHECK(result.diverged == 3);
  CHECK(result.accuracy().mean == 0);
}

}  // namespace
}  // namespace hypertape::testing
