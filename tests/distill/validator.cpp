#include "hypertape/distill/validator.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "hypertape/data/glyphs.hpp"
#include "hypertape/nn/mlp.hpp"
#include "support/check_error.hpp"
#include "support/compare.hpp"
#include "support/glyphs.hpp"
#include "support/random_tensor.hpp"

namespace hypertape::testing {
namespace {

distill::DistilledSet validated_set() {
  distill::DistilledSet set;
  set.images.resize(1);
  set.labels.resize(1);
  const std::vector<Index> first = data::all_indices(40);
  data::gather(glyphs<200, 10>().train, first, glyphs<200, 10>().normalization, set.images[0]);
  data::gather_one_hot(glyphs<200, 10>().train, first, set.labels[0]);
  set.learning_rates = Tensor<float>(Shape{2, 1}, 0.05f);
  set.normalization = glyphs<200, 10>().normalization;
  return set;
}

TEST_CASE("validator: the mean score of trained networks on the held-out images, as the objective has it") {
  const std::vector<Tensor<float>> theta0 = {random_tensor<float>(Shape{7850}, 1),
                                             random_tensor<float>(Shape{7850}, 2)};
  std::vector<Index> held_out;
  for (Index i = 40; i < 147; ++i) held_out.push_back(i);
  for (const bool balanced : {false, true}) {
    for (const bool attack : {false, true}) {
      distill::DistillOptions options;
      options.real.balanced = balanced;
      if (attack) options.objective.attack = distill::Attack{1, 7};
      const distill::Validator validator(glyph_network(), glyphs<200, 10>(), held_out, theta0, options);
      double expected = 0;
      const nn::Network<float> network = glyph_network();
      const distill::DistilledSet set = validated_set();
      const distill::Trainer trainer = distill::set_trainer(network, set, options.seed);
      for (const auto& trained : distill::train_networks(trainer, theta0, std::vector<Index>{0, 1}, WorkerTeam(1))) {
        const distill::Confusion confusion =
            distill::confusion(glyph_network(), trained.theta, glyphs<200, 10>().train, held_out,
                               glyphs<200, 10>().normalization, WorkerTeam(1));
        expected += options.objective.score(confusion, balanced) / 2;
      }
      for (const int threads : {1, 3}) CHECK(validator.score(validated_set(), WorkerTeam(threads)) == expected);
      CHECK(expected > 5);
    }
  }
}

TEST_CASE("validator: a network that diverges stops it, or counts as nothing right") {
  std::vector<Tensor<float>> theta0(2, random_tensor<float>(Shape{7850}, 1));
  theta0[1][0] = std::numeric_limits<float>::quiet_NaN();
  distill::DistillOptions options;
  options.real.balanced = false;
  const auto score = [&](std::span<const Tensor<float>> from) {
    return distill::Validator(glyph_network(), glyphs<200, 10>(), data::all_indices(100), {from.begin(), from.end()},
                              options)
        .score(validated_set(), WorkerTeam(2));
  };
  check_error<DivergenceError>([&] { score(theta0); }, {"network 1: "});
  options.outer_loop.skip_diverged = true;
  CHECK(score(theta0) == score(std::span(theta0).first(1)) / 2);
}

}  // namespace
}  // namespace hypertape::testing
