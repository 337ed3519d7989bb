#include "hypertape/distill/start.hpp"

#include <doctest/doctest.h>

#include <vector>

#include "hypertape/data/glyphs.hpp"
#include "hypertape/distill/initial_images.hpp"
#include "support/check_error.hpp"
#include "support/compare.hpp"
#include "support/glyphs.hpp"
#include "support/random_tensor.hpp"

namespace hypertape::testing {
namespace {

using distill::adapted;
using distill::DistilledSet;
using distill::DistillOptions;

/// Two steps of two images of a class, three epochs.
DistilledSet ordered() {
  DistilledSet set;
  for (std::uint64_t s = 0; s < 2; ++s) {
    set.images.push_back(random_tensor<float>(Shape::batch(20, 1, 28, 28), s));
    set.labels.push_back(distill::balanced_labels(10, 2));
  }
  set.learning_rates = Tensor<float>(Shape{3, 2}, {1, 2, 3, 4, 5, 6});
  set.normalization = glyphs<100, 10>().normalization;
  return set;
}

DistillOptions options_of(Index steps, Index epochs, Index per_class, bool unordered = false) {
  DistillOptions options;
  options.inner_loop.steps = steps;
  options.inner_loop.epochs = epochs;
  options.inner_loop.unordered = unordered;
  options.images.per_class = per_class;
  return options;
}

TEST_CASE("start: of the same sizes a set goes on as it is, with more epochs at the last one's rates") {
  const DistilledSet same = adapted(ordered(), options_of(2, 5, 2), glyphs<100, 10>());
  for (std::size_t s = 0; s < 2; ++s) {
    CHECK(equal(same.images[s], ordered().images[s]));
    CHECK(equal(same.labels[s], ordered().labels[s]));
  }
  CHECK(equal(same.learning_rates, Tensor<float>(Shape{5, 2}, {1, 2, 3, 4, 5, 6, 5, 6, 5, 6})));
  CHECK(equal(adapted(ordered(), options_of(2, 1, 2), glyphs<100, 10>()).learning_rates,
              Tensor<float>(Shape{1, 2}, {1, 2})));
}

TEST_CASE("start: an ordered set becomes one without an order, and other steps, class by class") {
  DistillOptions options = options_of(5, 2, 4, true);
  options.inner_loop.rule = optim::Adam{};
  const DistilledSet pool = adapted(ordered(), options, glyphs<100, 10>());
  REQUIRE(pool.images.size() == 1);
  CHECK(pool.unordered == distill::Unordered{10, 40});
  CHECK(pool.rule->name() == "Adam");
  CHECK(equal(pool.learning_rates, Tensor<float>(Shape{1, 1}, 3.5f)));
  for (Index k = 0; k < 10; ++k) {
    for (Index i = 0; i < 4; ++i) {  // of step 0 two, then of step 1
      CHECK(pool.images[0](k * 4 + i, 0, 9, 9) ==
            ordered().images[static_cast<std::size_t>(i / 2)](k * 2 + i % 2, 0, 9, 9));
      CHECK(pool.labels[0](k * 4 + i, k) == 1);
    }
  }
  const DistilledSet back = adapted(pool, options_of(2, 1, 2), glyphs<100, 10>());
  for (std::size_t s = 0; s < 2; ++s) CHECK(equal(back.images[s], ordered().images[s]));
  const DistilledSet four = adapted(ordered(), options_of(4, 1, 1), glyphs<100, 10>());
  CHECK(four.images.size() == 4);
  CHECK(four.images[3](7, 0, 9, 9) == ordered().images[1](15, 0, 9, 9));
}

TEST_CASE("start: hard labels become soft ones, other pixels' scale and a given learning rate are taken over") {
  DistillOptions options = options_of(2, 3, 2);
  options.labels.soft = true;
  options.inner_loop.initial_learning_rate = 0.5;
  DistilledSet set = ordered();
  set.normalization = {{0.5f}, {0.25f}};
  const DistilledSet soft = adapted(set, options, glyphs<100, 10>());
  CHECK(soft.soft_labels);
  CHECK(equal(soft.learning_rates, Tensor<float>(Shape{3, 2}, 0.5f)));
  const data::Normalization& scale = glyphs<100, 10>().normalization;
  CHECK(std::abs(soft.images[0](3, 0, 4, 4) * scale.std[0] + scale.mean[0] -
                 (set.images[0](3, 0, 4, 4) * 0.25f + 0.5f)) <= 1e-5f);
  CHECK(soft.normalization.mean == scale.mean);
}

TEST_CASE("start: what does not fit is refused") {
  const auto refused = [](const DistilledSet& set, const DistillOptions& options,
                          std::initializer_list<std::string_view> words) {
    check_error<ArgumentError>([&] { adapted(set, options, glyphs<100, 10>()); }, words);
  };
  refused(ordered(), options_of(3, 1, 2), {"start from has 40 images", "3 times 2 of 10"});
  DistilledSet set = ordered();
  set.soft_labels = true;
  refused(set, options_of(2, 3, 2), {"soft labels"});
  set = ordered();
  set.images = {random_tensor<float>(Shape::batch(40, 3, 28, 28), 1)};
  refused(set, options_of(2, 3, 2), {"has images", "(40, 3, 28, 28)"});
  set = ordered();
  for (Index k : {0, 1}) set.labels[1](5, k) = k == 0 ? 1.f : 0.f;
  set.labels[1](5, 2) = 0;
  refused(set, options_of(2, 3, 2), {"5 images of class 0, not 4"});
}

}  // namespace
}  // namespace hypertape::testing
