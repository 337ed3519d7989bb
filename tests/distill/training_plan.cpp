#include "hypertape/distill/training_plan.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <vector>

#include "support/check_error.hpp"
#include "support/compare.hpp"
#include "support/random_tensor.hpp"

namespace hypertape::testing {
namespace {

using distill::DistilledSet;
using distill::TrainingPlan;

/// Three classes of four images each, without an order.
DistilledSet pool(Index steps, Index batch) {
  DistilledSet set;
  set.images = {random_tensor<float>(Shape::batch(12, 2, 3, 3), 1)};
  set.labels = {random_tensor<float>(Shape::batch(12, 3), 2)};
  set.soft_labels = true;
  set.learning_rates = Tensor<float>(Shape{1, 1}, 0.25f);
  set.unordered = {steps, batch};
  return set;
}

/// Two steps of four images, three times.
DistilledSet ordered_set() {
  DistilledSet set;
  for (std::uint64_t s = 0; s < 2; ++s) {
    set.images.push_back(random_tensor<float>(Shape::batch(4, 1, 2, 2), s));
    set.labels.push_back(random_tensor<float>(Shape::batch(4, 2), 10 + s));
  }
  set.learning_rates = positive_tensor<float>(Shape{3, 2}, 5);
  set.rule = optim::HeavyBall{0.5};
  return set;
}

const Tensor<float> theta0 = random_tensor<float>(Shape{5}, 9);

TEST_CASE("training plan: an ordered set is given as it is, and so are its derivatives") {
  const DistilledSet set = ordered_set();
  const TrainingPlan plan(set, Random(1));
  const InnerLoop<float> loop = plan.loop(set, theta0);
  CHECK(equal(loop.x[1], set.images[1]));
  CHECK(equal(loop.y[0], set.labels[0]));
  CHECK(equal(loop.learning_rates, set.learning_rates));
  CHECK(loop.rule["momentum"] == 0.5f);
  CHECK(equal(loop.theta0, theta0));
  Hypergradient<float> h;
  h.x = set.images;
  h.learning_rates = set.learning_rates;
  const distill::SetGradient back = plan.pull_back(set, h);
  CHECK(equal(back.images[1], set.images[1]));
  CHECK(back.labels.empty());
  CHECK(equal(back.learning_rates, set.learning_rates));
}

TEST_CASE("training plan: without an order steps draw balanced batches, in which every image has its turn") {
  const DistilledSet set = pool(8, 6);
  const InnerLoop<float> loop = TrainingPlan(set, Random(1)).loop(set, theta0);
  loop.validate();
  CHECK(loop.length() == 8);
  REQUIRE(loop.x.size() == 8);
  std::vector<int> seen(12);
  for (std::size_t t = 0; t < 8; ++t) {
    REQUIRE(loop.x[t].shape() == Shape::batch(6, 2, 3, 3));
    std::vector<int> of_class(3);
    for (Index n = 0; n < 6; ++n) {
      Index image = 0;
      while (loop.x[t](n, 0, 0, 0) != set.images[0](image, 0, 0, 0)) REQUIRE(++image < 12);
      ++seen[static_cast<std::size_t>(image)];
      ++of_class[static_cast<std::size_t>(image / 4)];
      CHECK(loop.x[t](n, 1, 2, 1) == set.images[0](image, 1, 2, 1));
      CHECK(loop.y[t](n, 2) == set.labels[0](image, 2));
    }
    CHECK(of_class == std::vector<int>{2, 2, 2});
  }
  CHECK(seen == std::vector<int>(12, 4));
  CHECK(std::ranges::all_of(loop.learning_rates.values(), [](float rate) { return rate == 0.25f; }));
  const InnerLoop<float> same = TrainingPlan(set, Random(1)).loop(set, theta0);
  const InnerLoop<float> other = TrainingPlan(set, Random(2)).loop(set, theta0);
  CHECK(equal(same.x[3], loop.x[3]));
  CHECK(!equal(other.x[3], loop.x[3]));
}

TEST_CASE("training plan: a batch of all images is one tensor for all steps") {
  const DistilledSet set = pool(7, 12);
  const InnerLoop<float> loop = TrainingPlan(set, Random(1)).loop(set, theta0);
  loop.validate();
  CHECK(loop.length() == 7);
  REQUIRE(loop.x.size() == 1);
  CHECK(equal(loop.x[0], set.images[0]));
}

TEST_CASE("training plan: with an augmentation every step of every epoch sees another variation") {
  DistilledSet set = ordered_set();
  set.augmentation = {.flip = true, .crop = 1};
  const TrainingPlan plan(set, Random(4));
  const InnerLoop<float> loop = plan.loop(set, theta0);
  loop.validate();
  CHECK(loop.length() == 6);
  REQUIRE(loop.x.size() == 6);
  std::set<std::vector<float>> variations;
  for (std::size_t t = 0; t < 6; ++t) {
    CHECK(equal(loop.y[t], set.labels[t % 2]));
    CHECK(loop.learning_rates(0, static_cast<Index>(t)) ==
          set.learning_rates(static_cast<Index>(t) / 2, static_cast<Index>(t) % 2));
    variations.emplace(loop.x[t].values().begin(), loop.x[t].values().end());
  }
  CHECK(variations.size() == 6);
  CHECK(equal(TrainingPlan(set, Random(4)).loop(set, theta0).x[5], loop.x[5]));
  CHECK(!equal(TrainingPlan(set, Random(5)).loop(set, theta0).x[5], loop.x[5]));
  DistilledSet whole = pool(7, 12);
  whole.augmentation = set.augmentation;
  CHECK(TrainingPlan(whole, Random(1)).loop(whole, theta0).x.size() == 7);
}

TEST_CASE("training plan: the way back is the adjoint of the way there") {
  const data::Augmentation linear{.flip = true, .crop = 1, .scale = 1.2, .rotate = 20, .cutout = 0.4};
  std::vector<DistilledSet> sets{pool(4, 5), pool(4, 6), pool(4, 12), ordered_set()};
  for (std::size_t i = 0, count = sets.size(); i < count; ++i) {
    sets.push_back(sets[i]);
    sets.back().augmentation = linear;
  }
  for (const DistilledSet& set : sets) {
    const TrainingPlan plan(set, Random(3));
    const InnerLoop<float> loop = plan.loop(set, theta0);
    Hypergradient<float> h;
    for (std::size_t s = 0; s < loop.x.size(); ++s) {
      h.x.push_back(random_tensor<float>(loop.x[s].shape(), 20 + s));
      h.y.push_back(random_tensor<float>(loop.y[s].shape(), 40 + s));
    }
    h.learning_rates = random_tensor<float>(loop.learning_rates.shape(), 60);
    const distill::SetGradient back = plan.pull_back(set, h);
    const auto product = [](const Tensor<float>& a, const Tensor<float>& b) {
      REQUIRE(a.shape() == b.shape());
      double sum = 0;
      for (Index i = 0; i < a.size(); ++i) sum += double{a[i]} * double{b[i]};
      return sum;
    };
    double there = product(loop.learning_rates, h.learning_rates);
    for (std::size_t s = 0; s < loop.x.size(); ++s) {
      there += product(loop.x[s], h.x[s]) + product(loop.y[s], h.y[s]);
    }
    double around = product(set.learning_rates, back.learning_rates);
    for (std::size_t s = 0; s < set.images.size(); ++s) {
      around += product(set.images[s], back.images[s]) + product(set.labels[s], back.labels[s]);
    }
    CHECK(std::abs(there - around) <= 1e-5 * (1 + std::abs(there)));
  }
}

TEST_CASE("training plan: a set whose images are not as many of each class is refused") {
  DistilledSet set = pool(4, 3);
  set.images = {random_tensor<float>(Shape::batch(11, 2, 3, 3), 1)};
  set.labels = {random_tensor<float>(Shape::batch(11, 3), 2)};
  check_error<ArgumentError>([&] { TrainingPlan(set, Random(1)); }, {"11 images of 3 classes"});
}

}  // namespace
}  // namespace hypertape::testing
