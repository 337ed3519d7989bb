#include "hypertape/distill/set_variants.hpp"

#include <doctest/doctest.h>

#include <set>
#include <span>
#include <vector>

#include "hypertape/data/glyphs.hpp"
#include "support/check_error.hpp"
#include "support/compare.hpp"
#include "support/random_tensor.hpp"

namespace hypertape::testing {
namespace {

using distill::DistilledSet;

DistilledSet soft_set() {
  DistilledSet set;
  set.soft_labels = true;
  for (std::uint64_t s = 0; s < 2; ++s) {
    set.images.push_back(random_tensor<float>(Shape::batch(20, 1, 28, 28), s));
    set.labels.push_back(random_tensor<float>(Shape::batch(20, 10), 10 + s));
  }
  set.learning_rates = positive_tensor<float>(Shape{3, 2}, 5);
  set.normalization = {{0.25f}, {0.5f}};
  return set;
}

TEST_CASE("set variants: the largest label, the first of equals, is the hard one") {
  const Tensor<float> labels(Shape::batch(3, 3), std::vector<float>{0.2f, 1, -1, 0.7f, 1, -2, 0.1f, 0, -0.5f});
  CHECK(distill::largest_labels(labels) == std::vector<std::int32_t>{1, 0, 2});
  const DistilledSet hard = distill::hardened(soft_set());
  CHECK(!hard.soft_labels);
  for (std::size_t s = 0; s < 2; ++s) {
    CHECK(distill::largest_labels(hard.labels[s]) == distill::largest_labels(soft_set().labels[s]));
    double sum = 0;
    for (const float value : hard.labels[s].values()) {
      CHECK((value == 0 || value == 1));
      sum += static_cast<double>(value);
    }
    CHECK(sum == 20);
    CHECK(equal(hard.images[s], soft_set().images[s]));
  }
}

TEST_CASE("set variants: all images are those of the steps, one step after the other") {
  const DistilledSet set = soft_set();
  const auto [images, labels] = distill::all_images(set);
  REQUIRE(images.shape() == Shape::batch(40, 1, 28, 28));
  REQUIRE(labels.shape() == Shape::batch(40, 10));
  for (Index n = 0; n < 40; ++n) {
    const auto s = static_cast<std::size_t>(n / 20);
    CHECK(images(n, 0, 13, 5) == set.images[s](n % 20, 0, 13, 5));
    CHECK(labels(n, 7) == set.labels[s](n % 20, 7));
  }
}

TEST_CASE("set variants: real images take the place of distilled ones, class by class, none twice") {
  const data::Dataset dataset = data::generate_glyphs(400, 10, 1);
  const DistilledSet set = soft_set();
  const std::vector<Index> all = data::all_indices(400);
  const DistilledSet real = distill::with_real_images(set, dataset.train, all, 1, 0);
  Tensor<float> everything;
  data::gather(dataset.train, std::span<const Index>(all), set.normalization, everything);
  std::set<Index> drawn;
  for (std::size_t s = 0; s < 2; ++s) {
    CHECK(equal(real.labels[s], set.labels[s]));
    const std::vector<std::int32_t> classes = distill::largest_labels(set.labels[s]);
    for (Index n = 0; n < 20; ++n) {
      const auto same = [&](Index image) {
        for (Index p = 0; p < 784; ++p) {
          if (real.images[s][p * 20 + n] != everything[p * 400 + image]) return false;
        }
        return true;
      };
      Index image = 0;
      while (!same(image) || drawn.contains(image)) REQUIRE(++image < 400);
      drawn.insert(image);
      CHECK(dataset.train.labels[static_cast<std::size_t>(image)] == classes[static_cast<std::size_t>(n)]);
    }
  }
  CHECK(equal(real.learning_rates, set.learning_rates));
  CHECK(!equal(distill::with_real_images(set, dataset.train, all, 1, 1).images[0], real.images[0]));
  check_error<ArgumentError>([&] { distill::with_real_images(set, dataset.train, std::span(all).first(12), 1, 0); },
                             {"class", "fewer"});
}

TEST_CASE("set variants: shuffled, each epoch has every step once, and a set without an order is refused") {
  const DistilledSet out = distill::shuffled(soft_set(), 4);
  REQUIRE(out.images.size() == 6);
  for (std::size_t epoch = 0; epoch < 3; ++epoch) {
    const bool first = equal(out.images[2 * epoch], soft_set().images[0]);
    CHECK(equal(out.images[2 * epoch + (first ? 1 : 0)], soft_set().images[1]));
    CHECK(equal(out.labels[2 * epoch + (first ? 0 : 1)], soft_set().labels[0]));
  }
  DistilledSet unordered = soft_set();
  unordered.unordered = {3, 2};
  check_error<ArgumentError>([&] { distill::shuffled(unordered, 1); }, {"no order"});
}

}  // namespace
}  // namespace hypertape::testing
