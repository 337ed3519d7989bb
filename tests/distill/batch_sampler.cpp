#include "hypertape/distill/batch_sampler.hpp"

#include <doctest/doctest.h>

#include <set>
#include <vector>

#include "hypertape/data/glyphs.hpp"
#include "support/check_error.hpp"
#include "support/compare.hpp"
#include "support/glyphs.hpp"

namespace hypertape::testing {
namespace {

using distill::BatchSampler;

distill::DistillOptions sampler_options() {
  distill::DistillOptions options;
  options.real.batch = 8;
  options.real.balanced = false;
  options.seed = 3;
  return options;
}

/// All images of a batch, or their labels.
Tensor<float> loaded(const BatchSampler& sampler, Index network, bool labels = false) {
  Tensor<float> x, y;
  sampler.load(network, {0, sampler.size()}, x, y);
  return labels ? y : x;
}

TEST_CASE("batch sampler: each network of an iteration has the next batch of the sequence, whatever was drawn before") {
  const std::vector<Index> which = data::all_indices(50);
  BatchSampler sampler(glyphs<60, 10>(), which, sampler_options());
  distill::Batches sequence(glyphs<60, 10>().train, which, 8, false, 3);
  for (const long iteration : {0L, 1L, 5L, 1L}) {
    sampler.draw(iteration, 3);
    for (Index network = 0; network < 3; ++network) {
      std::vector<Index> batch;
      sequence.draw(iteration * 3 + network, batch);
      Tensor<float> x, y;
      data::gather(glyphs<60, 10>().train, batch, glyphs<60, 10>().normalization, x);
      data::gather_one_hot(glyphs<60, 10>().train, batch, y);
      CHECK(equal(loaded(sampler, network), x));
      CHECK(equal(loaded(sampler, network, true), y));
    }
  }
  check_error<ArgumentError>([&] { BatchSampler(glyphs<60, 10>(), data::all_indices(7), sampler_options()); },
                             {"batch of 8"});
}

TEST_CASE("batch sampler: parts of a batch are the batch, augmented or not; augmentation differs between networks") {
  distill::DistillOptions options = sampler_options();
  const std::vector<Index> eight = data::all_indices(8);  // every batch has the same images
  BatchSampler plain(glyphs<60, 10>(), eight, options);
  options.augmentation = {.flip = true, .crop = 3};
  BatchSampler augmented(glyphs<60, 10>(), eight, options);
  std::set<std::vector<float>> variants;
  for (BatchSampler* sampler : {&plain, &augmented}) {
    sampler->draw(2, 2);
    for (Index network = 0; network < 2; ++network) {
      const Tensor<float> whole = loaded(*sampler, network);
      for (const Range part : {Range{0, 3}, Range{3, 8}}) {
        Tensor<float> x, y;
        sampler->load(network, part, x, y);
        CHECK(equal(x, samples(whole, part.begin, part.size())));
      }
      variants.emplace(whole.values().begin(), whole.values().end());
    }
  }
  CHECK(variants.size() == 4);
}

TEST_CASE("batch sampler: an attack relabels the attacked class") {
  distill::DistillOptions options = sampler_options();
  options.real.batch = 50;
  options.objective.attack = distill::Attack{2, 5};
  BatchSampler sampler(glyphs<60, 10>(), data::all_indices(50), options);
  sampler.draw(0, 1);
  const Tensor<float> y = loaded(sampler, 0, true);
  const auto count = [&](const Tensor<float>& labels, Index k) {
    float sum = 0;
    for (Index n = 0; n < 50; ++n) sum += labels[k * 50 + n];
    return sum;
  };
  options.objective.attack.reset();
  BatchSampler right(glyphs<60, 10>(), data::all_indices(50), options);
  right.draw(0, 1);
  const Tensor<float> true_labels = loaded(right, 0, true);
  CHECK(count(true_labels, 2) > 0);
  CHECK(count(y, 2) == 0);
  CHECK(count(y, 5) == count(true_labels, 2) + count(true_labels, 5));
}

}  // namespace
}  // namespace hypertape::testing
