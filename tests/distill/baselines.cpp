#include "hypertape/distill/baselines.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cmath>

#include "hypertape/data/glyphs.hpp"
#include "hypertape/nn/mlp.hpp"
#include "support/check_error.hpp"
#include "support/compare.hpp"
#include "support/glyphs.hpp"
#include "support/random_tensor.hpp"

namespace hypertape::testing {
namespace {

using distill::DistilledSet;
using distill::Selection;

data::Split parts() { return data::split(glyphs<600, 100>().train, 200, 1); }

/// A network that learns in moments.
nn::Network<float> glyph_network() { return {"mlp", nn::Mlp({784, 10})}; }

std::vector<Tensor<float>> weights(std::size_t count) {
  std::vector<Tensor<float>> all;
  for (std::uint64_t i = 0; i < count; ++i) {
    all.push_back(random_tensor<float>(Shape{glyph_network().parameters().size()}, i));
    for (float& value : all.back().values()) value *= 0.01f;
  }
  return all;
}

DistilledSet average_set(Index steps = 1) {
  return distill::baseline_set(
      distill::average_images(glyphs<600, 100>().train, parts().train, glyphs<600, 100>().normalization, steps, 1), 10,
      1, glyphs<600, 100>().normalization, distill::constant_schedule(0.01, 3, steps));
}

TEST_CASE("baselines: average images are the means of the classes, the same in all steps") {
  const data::LabeledImages images{
      5, 2, 1, 2, 2, {10, 20, 30, 40, 1, 1, 1, 1, 20, 40, 60, 80, 3, 5, 7, 9, 99, 99, 99, 99}, {0, 1, 0, 1, 1}};
  const data::Normalization normalization{{0.5f, 0.25f}, {0.1f, 0.2f}};
  const std::vector<Index> which = {0, 1, 2, 3};  // not the last
  const auto batches = distill::average_images(images, which, normalization, 2, 3);
  REQUIRE(batches.size() == 2);
  REQUIRE(batches[0].shape() == Shape::batch(6, 2, 1, 2));
  const double means[2][4] = {{15, 30, 45, 60}, {2, 3, 4, 5}};
  for (const Tensor<float>& batch : batches) {
    for (Index n = 0; n < 6; ++n) {
      for (Index f = 0; f < 4; ++f) {
        const double mean = f < 2 ? 0.5 : 0.25, std = f < 2 ? 0.1 : 0.2;
        const double expected = (means[n / 3][f] / 255 - mean) / std;
        CHECK(std::abs(static_cast<double>(batch.matrix()(n, f)) - expected) <= 1e-6);
      }
    }
  }
  const std::vector<Index> one_class = {0, 2};
  check_error<ArgumentError>([&] { distill::average_images(images, one_class, normalization, 1, 1); },
                             {"class 1 has no images"});
}

TEST_CASE("baselines: k-means images are centroids of their own class, each in one step") {
  const data::Split split = parts();
  const auto make = [&](int threads) {
    return distill::kmeans_images(glyphs<600, 100>().train, split.train, glyphs<600, 100>().normalization, 3, 2, 50,
                                  Random(1), WorkerTeam(threads));
  };
  const auto batches = make(1);
  REQUIRE(batches.size() == 3);
  Tensor<float> points;
  for (int k = 0; k < 10; ++k) {
    std::vector<Index> of_class;
    for (const Index i : split.train) {
      if (glyphs<600, 100>().train.labels[static_cast<std::size_t>(i)] == k) of_class.push_back(i);
    }
    data::gather(glyphs<600, 100>().train, of_class, glyphs<600, 100>().normalization, points);
    // Means of disjoint clusters that cover the class: weighted by their sizes, they average to the class's mean.
    std::vector<double> sizes(6);
    Eigen::MatrixXd centroids(6, 784);
    for (Index j = 0; j < 6; ++j) {
      centroids.row(j) = batches[static_cast<std::size_t>(j / 2)].matrix().row(k * 2 + j % 2).cast<double>();
    }
    Eigen::RowVectorXd sum = Eigen::RowVectorXd::Zero(784);
    for (Index n = 0; n < points.shape()[0]; ++n) {
      Index nearest = 0;
      (centroids.rowwise() - points.matrix().row(n).cast<double>()).rowwise().squaredNorm().minCoeff(&nearest);
      sum += centroids.row(nearest);
    }
    const Eigen::RowVectorXd total = points.matrix().cast<double>().colwise().sum();
    CHECK((sum - total).norm() <= 1e-4 * total.norm());
  }
  for (const int threads : {2, 3}) {
    const auto many = make(threads);
    for (std::size_t s = 0; s < 3; ++s) CHECK(equal(many[s], batches[s]));
  }
  const auto too_many = [&] {
    distill::kmeans_images(glyphs<600, 100>().train, split.train, glyphs<600, 100>().normalization, 100, 1, 50,
                           Random(1), WorkerTeam(1));
  };
  check_error<ArgumentError>(too_many, {"k-means", "class 0", "100 steps need 100"});
}

TEST_CASE("baselines: a set has hard labels class by class and the schedule's rates") {
  const DistilledSet set =
      distill::baseline_set(std::vector<Tensor<float>>(2, random_tensor<float>(Shape::batch(6, 1, 2, 2))), 3, 2,
                            {{0.5f}, {0.5f}}, distill::constant_schedule(0.25, 4, 2));
  CHECK(!set.soft_labels);
  CHECK(set.steps() == 2);
  CHECK(set.learning_rates.shape() == Shape{4, 2});
  for (const float rate : set.learning_rates.values()) CHECK(rate == 0.25f);
  for (Index n = 0; n < 6; ++n) {
    for (Index k = 0; k < 3; ++k) CHECK(set.labels[1].matrix()(n, k) == (k == n / 2 ? 1 : 0));
  }
}

TEST_CASE("baselines: networks are spread over sets, every set and every network has its turn") {
  using Numbers = std::vector<Index>;
  CHECK(distill::networks_of_set(0, 3, 7) == Numbers{0, 3, 6});
  CHECK(distill::networks_of_set(2, 3, 7) == Numbers{2, 5});
  CHECK(distill::networks_of_set(0, 1, 3) == Numbers{0, 1, 2});
  CHECK(distill::networks_of_set(4, 5, 1) == Numbers{0});
  CHECK(distill::networks_of_set(3, 5, 2) == Numbers{1});
}

TEST_CASE("baselines: the best scores are kept, the first of equals first") {
  const std::array<double, 7> scores = {3, 9, 1, 9, 7, 3, 8};
  CHECK(distill::best_of(scores, 1) == std::vector<Index>{1});
  CHECK(distill::best_of(scores, 4) == std::vector<Index>{1, 3, 6, 4});
  CHECK(distill::best_of(scores, 9) == std::vector<Index>{1, 3, 6, 4, 0, 5, 2});
  CHECK(distill::best_fifth(50) == 10);
  CHECK(distill::best_fifth(9) == 1);
  CHECK(distill::best_fifth(2) == 1);
}

TEST_CASE("selection: the mean accuracy of trained networks, each on its set") {
  const data::Split split = parts();
  const std::vector<Tensor<float>> theta0 = weights(3);
  const Selection selection(glyph_network(), theta0, glyphs<600, 100>().train, split.held_out);
  std::vector<DistilledSet> sets;
  for (std::uint64_t i = 0; i < 2; ++i) {
    sets.push_back(distill::baseline_set(
        distill::real_images(glyphs<600, 100>().train,
                             distill::draw_real_images(glyphs<600, 100>().train, split.train, 2, 1, Random(i)),
                             glyphs<600, 100>().normalization),
        10, 1, glyphs<600, 100>().normalization, distill::constant_schedule(0.5, 1, 2)));
  }
  const distill::TrainingSchedule schedule = distill::constant_schedule(0.01, 3, 2);
  double expected = 0;
  for (std::size_t run = 0; run < 3; ++run) {
    const DistilledSet set = distill::with_schedule(sets[run % 2], schedule);
    const nn::Network<float> network = glyph_network();
    const Tensor<float> theta = distill::set_trainer(network, set, 0)(theta0[run], 0, WorkerTeam(1));
    expected +=
        distill::confusion(network, theta, glyphs<600, 100>().train, split.held_out, set.normalization, WorkerTeam(1))
            .accuracy() /
        3;
  }
  for (const int threads : {1, 2, 3}) {
    CHECK(std::abs(selection.score(sets, schedule, WorkerTeam(threads)) - expected) <= 1e-9);
    CHECK(selection.score(sets, schedule, WorkerTeam(threads)) == selection.score(sets, schedule, WorkerTeam(1)));
  }
}

TEST_CASE("selection: a good rate beats one too small, and one that diverges gets nothing") {
  const data::Split split = parts();
  const Selection selection(glyph_network(), weights(2), glyphs<600, 100>().train, split.held_out);
  const std::array<DistilledSet, 1> sets = {average_set()};
  const auto score = [&](double rate, Index epochs = 3) {
    return selection.score(sets, distill::constant_schedule(rate, epochs, 1), WorkerTeam(1));
  };
  CHECK(score(0.01) > score(1e-6) + 10);
  CHECK(score(1e38) == 0);
  CHECK(score(1e38, 1) == 0);  // the weights are finite, the outputs are not
  check_error<ArgumentError>([&] { Selection(glyph_network(), {}, glyphs<600, 100>().train, split.held_out); },
                             {"at least one network"});
}

}  // namespace
}  // namespace hypertape::testing
