#include "hypertape/nn/alexnet.hpp"

#include <doctest/doctest.h>

#include <utility>

#include "hypertape/data/image_folder.hpp"
#include "hypertape/distill/distiller.hpp"
#include "hypertape/distill/memory_option.hpp"
#include "support/compare.hpp"
#include "support/picture_files.hpp"
#include "support/temporary_folder.hpp"

// A user's own pictures, larger than those of the usual datasets, and the network that is made for such.

namespace hypertape::testing {
namespace {

TEST_CASE("distill: pictures of a folder for a small AlexNet, the same bits with any memory and number of threads") {
  const TemporaryFolder folder;
  put_glyph_folder(folder.path(), {"ring", "stroke", "arc"}, 6, 2);
  const data::Dataset dataset =
      data::load_image_folder(folder.path(), {.size = 64, .fit = data::Fit::crop, .channels = 3}).dataset;
  CHECK(dataset.train.bytes_per_image() == 3 * 64 * 64);
  const nn::Network<float> network("alexnet", nn::AlexNet({.classes = 3, .size = 64, .width = 4}));
  const auto distil = [&](const char* memory, int threads) {
    distill::DistillOptions options;
    options.inner_loop.steps = 2;
    options.inner_loop.epochs = 3;
    options.inner_loop.initial_learning_rate = 0.01;
    options.inner_loop.schedule = distill::schedule_from_text(memory);
    options.real.batch = 8;
    options.validation.hold_out = 3;
    options.outer_loop.iterations = 2;
    options.initialization.distribution.initializer = nn::Initializer::pytorch;
    distill::Distiller distiller(network, dataset, options, WorkerTeam(threads));
    for (int i = 0; i < 2; ++i) distiller.iterate();
    return distiller.distilled();
  };
  const distill::DistilledSet all = distil("all", 1);
  REQUIRE(all.images.size() == 2);
  CHECK(all.images[0].shape() == Shape::batch(3, 3, 64, 64));
  CHECK(all.images[0].all_finite());
  for (const auto& [memory, threads] :
       {std::pair{"recompute", 1}, {"checkpoints", 2}, {"binomial:2", 1}, {"100MB", 2}}) {
    const distill::DistilledSet set = distil(memory, threads);
    CHECK(equal(set.learning_rates, all.learning_rates));
    for (std::size_t s = 0; s < 2; ++s) CHECK(equal(set.images[s], all.images[s]));
  }
}

}  // namespace
}  // namespace hypertape::testing
