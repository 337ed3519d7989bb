#include "hypertape/distill/k_nearest_neighbors.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "hypertape/data/glyphs.hpp"
#include "hypertape/distill/initial_images.hpp"
#include "support/check_error.hpp"

namespace hypertape::testing {
namespace {

using distill::Confusion;
using distill::Distance;
using distill::DistilledSet;
using distill::NearestNeighbors;

std::vector<Index> first(Index count) {
  std::vector<Index> indices(static_cast<std::size_t>(count));
  for (Index i = 0; i < count; ++i) indices[static_cast<std::size_t>(i)] = i;
  return indices;
}

/// A set of one step of images of one pixel, in the space of bytes.
DistilledSet pixels(std::initializer_list<float> values, std::initializer_list<std::int32_t> labels, int classes) {
  DistilledSet set;
  set.images.emplace_back(Shape{static_cast<Index>(values.size()), 1, 1, 1}, values);
  set.labels.push_back(one_hot<float>(std::span(labels.begin(), labels.size()), classes));
  set.learning_rates = Tensor<float>(Shape{1, 1});
  set.normalization = {{0}, {1.0f / 255}};
  return set;
}

/// What an image of one pixel, of class 0, is taken for.
Index taken_for(const DistilledSet& set, std::uint8_t pixel, Index k) {
  const int classes = static_cast<int>(set.classes());
  const data::LabeledImages images{1, 1, 1, 1, classes, {pixel}, {0}};
  const Confusion confusion =
      NearestNeighbors(set).classify(std::array{k}, Distance::l2, images, first(1), WorkerTeam(1)).front();
  for (Index j = 0; j < classes; ++j) {
    if (confusion.count(0, j) == 1) return j;
  }
  return -1;
}

/// The same by the obvious loops: sort all distances, count the votes.
Index obvious(const DistilledSet& set, const Tensor<float>& x, Index n, Index k, Distance distance) {
  std::vector<std::pair<double, Index>> order;
  std::vector<Index> labels;
  for (std::size_t s = 0; s < set.images.size(); ++s) {
    for (Index m = 0; m < set.images[s].shape()[0]; ++m) {
      double sum = 0;
      for (Index f = 0; f < x.shape().features(); ++f) {
        const double difference =
            static_cast<double>(x.matrix()(n, f)) - static_cast<double>(set.images[s].matrix()(m, f));
        sum += distance == Distance::l1 ? std::abs(difference) : difference * difference;
      }
      order.emplace_back(sum, static_cast<Index>(labels.size()));
      for (Index j = 0; j < set.classes(); ++j) {
        if (set.labels[s].matrix()(m, j) == 1) labels.push_back(j);
      }
    }
  }
  std::sort(order.begin(), order.end());
  std::map<Index, Index> votes;
  for (Index i = 0; i < k; ++i) ++votes[labels[static_cast<std::size_t>(order[static_cast<std::size_t>(i)].second)]];
  Index best = -1;
  for (Index i = 0; i < k; ++i) {
    const Index label = labels[static_cast<std::size_t>(order[static_cast<std::size_t>(i)].second)];
    if (best < 0 || votes[label] > votes[best]) best = label;
  }
  return best;
}

struct Glyphs {
  data::Dataset dataset = data::generate_glyphs(300, 150, 1);
  DistilledSet set;

  Glyphs() {
    set.images = distill::real_images(
        dataset.train, distill::draw_real_images(dataset.train, first(300), 3, 2, Random(1)), dataset.normalization);
    set.labels.assign(3, distill::balanced_labels(10, 2));
    set.learning_rates = Tensor<float>(Shape{1, 3});
    set.normalization = dataset.normalization;
  }
};

TEST_CASE("k_nearest_neighbors: as the obvious loops say, for several K and both distances") {
  const Glyphs glyphs;
  const std::array<Index, 3> neighbors = {1, 3, 8};
  Tensor<float> x;
  data::gather(glyphs.dataset.test, first(50), glyphs.dataset.normalization, x);
  for (const Distance distance : {Distance::l1, Distance::l2}) {
    const std::vector<Confusion> found =
        NearestNeighbors(glyphs.set).classify(neighbors, distance, glyphs.dataset.test, first(50), WorkerTeam(2));
    REQUIRE(found.size() == 3);
    for (std::size_t i = 0; i < 3; ++i) {
      Confusion expected(10);
      for (Index n = 0; n < 50; ++n) {
        expected.add(glyphs.dataset.test.labels[static_cast<std::size_t>(n)],
                     obvious(glyphs.set, x, n, neighbors[i], distance));
      }
      for (Index truth = 0; truth < 10; ++truth) {
        for (Index k = 0; k < 10; ++k) CHECK(found[i].count(truth, k) == expected.count(truth, k));
      }
      CHECK(found[i].accuracy() > 30);
    }
  }
}

TEST_CASE("k_nearest_neighbors: most votes win, of equals the nearest") {
  const DistilledSet set = pixels({10, 20, 30, 100}, {0, 1, 1, 2}, 3);
  CHECK(taken_for(set, 12, 1) == 0);
  CHECK(taken_for(set, 12, 3) == 1);  // 0, 1, 1
  CHECK(taken_for(set, 12, 2) == 0);  // 0, 1
  CHECK(taken_for(set, 90, 2) == 2);  // 2, 1
  CHECK(taken_for(set, 12, 4) == 1);
  CHECK(taken_for(pixels({20, 20}, {1, 0}, 2), 15, 1) == 1);  // the first of equals
  CHECK(taken_for(pixels({20, 20}, {0, 1}, 2), 15, 1) == 0);
  CHECK(taken_for(pixels({0, 40, 100}, {0, 1, 2}, 3), 30, 3) == 1);  // all have one vote
}

TEST_CASE("k_nearest_neighbors: the distances differ where they should") {
  // From (0, 0): to (3, 3) 6 and 18, to (5, 0) 5 and 25.
  DistilledSet set;
  set.images.push_back(from_row_major(Shape::batch(2, 1, 1, 2), std::vector<float>{3, 3, 5, 0}));
  const std::array<std::int32_t, 2> labels = {0, 1};
  set.labels.push_back(one_hot<float>(std::span(labels), 2));
  set.learning_rates = Tensor<float>(Shape{1, 1});
  set.normalization = {{0}, {1.0f / 255}};
  const data::LabeledImages images{1, 1, 1, 2, 2, {0, 0}, {0}};
  const NearestNeighbors classifier(set);
  const auto accuracy = [&](Distance distance) {
    return classifier.classify(std::array{Index{1}}, distance, images, first(1), WorkerTeam(1)).front().accuracy();
  };
  CHECK(accuracy(Distance::l1) == 0);
  CHECK(accuracy(Distance::l2) == 100);
}

TEST_CASE("k_nearest_neighbors: the same for any number of threads") {
  const Glyphs glyphs;
  const auto counts = [&](int threads) {
    const Confusion confusion =
        NearestNeighbors(glyphs.set)
            .classify(std::array{Index{3}}, Distance::l2, glyphs.dataset.test, first(150), WorkerTeam(threads))
            .front();
    std::vector<Index> all;
    for (Index truth = 0; truth < 10; ++truth) {
      for (Index k = 0; k < 10; ++k) all.push_back(confusion.count(truth, k));
    }
    return all;
  };
  const std::vector<Index> one = counts(1);
  CHECK(counts(2) == one);
  CHECK(counts(3) == one);
}

TEST_CASE("k_nearest_neighbors: what does not fit is refused") {
  Glyphs glyphs;
  const auto classify = [&](Index k, const data::LabeledImages& images) {
    NearestNeighbors(glyphs.set).classify(std::array{k}, Distance::l1, images, first(1), WorkerTeam(1));
  };
  check_error<ArgumentError>([&] { classify(0, glyphs.dataset.test); }, {"needs 1 .. 60 neighbors, got 0"});
  check_error<ArgumentError>([&] { classify(61, glyphs.dataset.test); }, {"needs 1 .. 60 neighbors, got 61"});
  check_error<ArgumentError>([&] { classify(1, {1, 1, 1, 2, 10, {0, 0}, {0}}); }, {"2 pixels", "784 pixels"});
  glyphs.set.soft_labels = true;
  check_error<ArgumentError>([&] { classify(1, glyphs.dataset.test); }, {"hard labels", "soft"});
}

}  // namespace
}  // namespace hypertape::testing
