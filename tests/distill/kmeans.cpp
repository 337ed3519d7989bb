#include "hypertape/distill/kmeans.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "support/check_error.hpp"
#include "support/compare.hpp"
#include "support/random_tensor.hpp"

namespace hypertape::testing {
namespace {

using distill::kmeans;
using distill::KMeans;

double squared_distance(const Tensor<float>& a, Index n, const Tensor<float>& b, Index m) {
  return (a.matrix().row(n).cast<double>() - b.matrix().row(m).cast<double>()).squaredNorm();
}

/// The mean of the points of one cluster, by the obvious loop.
Eigen::RowVectorXd mean_of(const Tensor<float>& points, const std::vector<Index>& clusters, Index j) {
  Eigen::RowVectorXd sum = Eigen::RowVectorXd::Zero(points.shape().features());
  double members = 0;
  for (Index n = 0; n < points.shape()[0]; ++n) {
    if (clusters[static_cast<std::size_t>(n)] != j) continue;
    sum += points.matrix().row(n).cast<double>();
    ++members;
  }
  return sum / members;
}

/// The least cost of all ways to cut the points into k clusters.
double least_cost(const Tensor<float>& points, Index k) {
  const Index count = points.shape()[0];
  double least = std::numeric_limits<double>::infinity();
  std::vector<Index> clusters(static_cast<std::size_t>(count));
  for (auto code = static_cast<Index>(std::pow(k, count)); code-- > 0;) {
    Index rest = code;
    for (Index& cluster : clusters) cluster = rest % k, rest /= k;
    double cost = 0;
    for (Index n = 0; n < count; ++n) {
      const auto mean = mean_of(points, clusters, clusters[static_cast<std::size_t>(n)]);
      cost += (points.matrix().row(n).cast<double>() - mean).squaredNorm();
    }
    least = std::min(least, cost);
  }
  return least;
}

TEST_CASE("kmeans: of several seeds the best reaches the least cost there is, and none goes below") {
  for (const Index k : {1, 2, 3}) {
    CAPTURE(k);
    const Tensor<float> points = random_tensor<float>(Shape::batch(7, 2), 3);
    const double least = least_cost(points, k);
    double best = std::numeric_limits<double>::infinity();
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      const double cost = kmeans(points, k, 100, Random(seed), WorkerTeam(1)).costs.back();
      CHECK(cost >= least * (1 - 1e-5));
      best = std::min(best, cost);
    }
    CHECK(best <= least * (1 + 1e-5));
  }
}

TEST_CASE("kmeans: in the end every point is with the nearest centroid, and those are the means") {
  const Tensor<float> points = random_tensor<float>(Shape::batch(700, 3, 5, 4), 4);
  const Index k = 9;
  const KMeans found = kmeans(points, k, 1000, Random(1), WorkerTeam(2));
  REQUIRE(found.centroids.shape() == Shape::batch(k, 3, 5, 4));
  REQUIRE(found.costs.size() < 1000);
  double cost = 0;
  for (Index n = 0; n < 700; ++n) {
    const double own = squared_distance(points, n, found.centroids, found.clusters[static_cast<std::size_t>(n)]);
    for (Index j = 0; j < k; ++j) CHECK(own <= squared_distance(points, n, found.centroids, j) * (1 + 1e-5));
    cost += own;
  }
  CHECK(std::abs(found.costs.back() - cost) <= 1e-5 * cost);
  for (Index j = 0; j < k; ++j) {
    const auto mean = mean_of(points, found.clusters, j);
    CHECK((found.centroids.matrix().row(j).cast<double>() - mean).cwiseAbs().maxCoeff() <= 1e-6);
  }
}

TEST_CASE("kmeans: no iteration raises the cost") {
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    const Tensor<float> points = random_tensor<float>(Shape::batch(300, 6), seed);
    const std::vector<double> costs = kmeans(points, 12, 100, Random(seed), WorkerTeam(1)).costs;
    REQUIRE(costs.size() > 3);
    for (std::size_t i = 1; i < costs.size(); ++i) CHECK(costs[i] <= costs[i - 1] * (1 + 1e-6));
    CHECK(costs.back() < costs.front());
  }
}

TEST_CASE("kmeans: it stops after so many iterations") {
  CHECK(kmeans(random_tensor<float>(Shape::batch(300, 6)), 12, 2, Random(1), WorkerTeam(1)).costs.size() == 2);
}

TEST_CASE("kmeans: an empty cluster gets the farthest point") {
  // Only two different points: a third seed repeats one, and its cluster starts empty.
  const Tensor<float> repeated(Shape{5, 1}, {0, 0, 0, 0, 1});
  const KMeans found = kmeans(repeated, 3, 100, Random(1), WorkerTeam(1));
  CHECK(std::set<Index>(found.clusters.begin(), found.clusters.end()) == std::set<Index>{0, 1, 2});
  CHECK(found.costs.back() == 0);
  CHECK(found.centroids.all_finite());

  // No point is near 100; that at 9 is farther from its centroid than any other.
  const Tensor<float> points(Shape{4, 1}, {0, 1, 5, 9});
  const WorkerTeam team(1);
  distill::detail::Lloyd lloyd(points, Tensor<float>(Shape{3, 1}, {0.5f, 6, 100}), team);
  CHECK(lloyd.assign());
  CHECK(std::move(lloyd).clusters() == std::vector<Index>{0, 0, 1, 2});
}

TEST_CASE("kmeans: seeds are points, far ones as a rule") {
  // A hundred points around 0 and one far away, which uniform seeds would miss nine times of ten.
  Tensor<float> points = random_tensor<float>(Shape::batch(101, 2), 1);
  points(100, 0) = 1000;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const KMeans found = kmeans(points, 2, 1, Random(seed), WorkerTeam(1));
    CHECK(std::count(found.clusters.begin(), found.clusters.end(), found.clusters[100]) == 1);
  }
}

TEST_CASE("kmeans: the same bits for the same seed on one thread and on more") {
  const Tensor<float> points = random_tensor<float>(Shape::batch(1000, 17), 5);
  const KMeans one = kmeans(points, 7, 20, Random(3), WorkerTeam(1));
  for (const int threads : {2, 3}) {
    const KMeans many = kmeans(points, 7, 20, Random(3), WorkerTeam(threads));
    CHECK(equal(many.centroids, one.centroids));
    CHECK(many.clusters == one.clusters);
    CHECK(many.costs == one.costs);
  }
  CHECK(!equal(kmeans(points, 7, 20, Random(4), WorkerTeam(1)).centroids, one.centroids));
}

TEST_CASE("kmeans: clusters and iterations that cannot be are refused") {
  const Tensor<float> points = random_tensor<float>(Shape::batch(5, 2));
  check_error<ArgumentError>([&] { kmeans(points, 0, 1, Random(1), WorkerTeam(1)); }, {"kmeans", "0 clusters of 5"});
  check_error<ArgumentError>([&] { kmeans(points, 6, 1, Random(1), WorkerTeam(1)); }, {"kmeans", "6 clusters of 5"});
  check_error<ArgumentError>([&] { kmeans(points, 2, 0, Random(1), WorkerTeam(1)); }, {"kmeans", "iteration, got 0"});
}

}  // namespace
}  // namespace hypertape::testing
