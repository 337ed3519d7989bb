#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

#include "hypertape/core/error.hpp"
#include "hypertape/core/micro_batches.hpp"
#include "hypertape/core/parallel.hpp"
#include "hypertape/core/random.hpp"
#include "hypertape/core/row_major.hpp"
#include "hypertape/core/tensor.hpp"
#include "hypertape/kernels/matrix.hpp"

namespace hypertape::inline HYPERTAPE_ABI::distill {

/// The result of k-means on N points.
struct KMeans {
  Tensor<float> centroids;      ///< (k, ...): the mean of each cluster
  std::vector<Index> clusters;  ///< the cluster of each point
  std::vector<double> costs;    ///< per iteration: sum over points of |x - c|^2, c the centroid of x's cluster
};

namespace detail {

/// Lloyd's algorithm from k-means++ seeds. Each thread owns some points or clusters, and every sum has a fixed order.
class Lloyd {
 public:
  Lloyd(const Tensor<float>& points, Index k, const WorkerTeam& team)
      : Lloyd(points, Tensor<float>(points.shape().with_samples(k)), team) {}

  /// Starts from given centroids (k, ...).
  Lloyd(const Tensor<float>& points, const Tensor<float>& centroids, const WorkerTeam& team)
      : team_(team),
        count_(points.shape()[0]),
        features_(points.shape().features()),
        k_(centroids.shape()[0]),
        points_(to_row_major(points)),
        centroids_(to_row_major(centroids)),
        clusters_(static_cast<std::size_t>(count_)),
        distances_(static_cast<std::size_t>(count_), std::numeric_limits<double>::infinity()) {}

  /// Draws the seeds of k-means++: each after the first is a point, with probability proportional to its squared
  /// distance from the nearest earlier seed.
  void seed(Random& random) {
    Index chosen = random.below(count_);
    for (Index j = 0; j < k_; ++j) {
      if (j > 0) chosen = draw(random);
      centroid(j) = point(chosen);
      for_each_block([&](Range range) {
        for (Index n = range.begin; n < range.end; ++n) {
          distance(n) = (std::min)(distance(n), squared_distance(n, j));
        }
      });
    }
  }

  /// Assigns each point to its nearest centroid, the first if several are equal; returns whether any point changed
  /// cluster.
  bool assign() {
    const std::vector<Index> before = clusters_;
    std::vector<float> halves(static_cast<std::size_t>(k_));  // |c|^2 / 2
    for (Index j = 0; j < k_; ++j) halves[static_cast<std::size_t>(j)] = centroid(j).squaredNorm() / 2;
    for_each_block([&](Range range) {
      // The centroid with the smallest |c|^2 / 2 - <x, c> has the smallest |x - c|^2.
      std::vector<float> products(static_cast<std::size_t>(k_ * range.size()));
      const kernels::matrix::RowPair<float> factors[] = {{centroids_.data(), point(range.begin).data()}};
      kernels::matrix::multiply_transposed(k_, range.size(), features_, factors, kernels::OutputMode::write,
                                           products.data(), Index{1}, k_);
      for (Index n = range.begin; n < range.end; ++n) {
        const float* product = products.data() + (n - range.begin) * k_;
        Index nearest = 0;
        float least = halves[0] - product[0];
        for (Index j = 1; j < k_; ++j) {
          const float value = halves[static_cast<std::size_t>(j)] - product[j];
          if (value < least) least = value, nearest = j;
        }
        cluster(n) = nearest;
        distance(n) = squared_distance(n, nearest);
      }
    });
    fill_empty_clusters();
    return clusters_ != before;
  }

  void move_centroids() {
    team_.for_each(k_, [&](Index j, int) {
      Eigen::VectorXd sum = Eigen::VectorXd::Zero(features_);
      Index members = 0;
      for (Index n = 0; n < count_; ++n) {
        if (cluster(n) != j) continue;
        sum += point(n).cast<double>();
        ++members;
      }
      centroid(j) = (sum / static_cast<double>(members)).cast<float>();
    });
  }

  double cost() const { return std::accumulate(distances_.begin(), distances_.end(), 0.0); }

  Tensor<float> centroids(const Shape& shape) const { return from_row_major(shape, centroids_); }
  std::vector<Index> clusters() && { return std::move(clusters_); }

 private:
  using Vector = Eigen::VectorXf;

  Eigen::Map<const Vector> point(Index n) const { return {points_.data() + n * features_, features_}; }
  Eigen::Map<Vector> centroid(Index j) { return {centroids_.data() + j * features_, features_}; }
  Index& cluster(Index n) { return clusters_[static_cast<std::size_t>(n)]; }
  double& distance(Index n) { return distances_[static_cast<std::size_t>(n)]; }
  double squared_distance(Index n, Index j) { return (point(n) - centroid(j)).squaredNorm(); }

  template <class Body>
  void for_each_block(const Body& body) const {
    constexpr Index points_per_block = 256;
    const hypertape::detail::MicroBatches blocks(count_, points_per_block);
    team_.for_each(blocks.count(), [&](Index block, int) { body(blocks[block]); });
  }

  /// Draws a point with probability proportional to `distance`, or uniformly if all points are seeds.
  Index draw(Random& random) {
    const double total = cost();
    if (!(total > 0)) return random.below(count_);
    double left = random.uniform() * total;
    Index last = 0;
    for (Index n = 0; n < count_; ++n) {
      if (!(distance(n) > 0)) continue;
      last = n;
      left -= distance(n);
      if (left < 0) break;
    }
    return last;
  }

  /// Gives an empty cluster the point that is farthest from its centroid, among those whose cluster has other points.
  void fill_empty_clusters() {
    std::vector<Index> members(static_cast<std::size_t>(k_));
    for (const Index j : clusters_) ++members[static_cast<std::size_t>(j)];
    for (Index j = 0; j < k_; ++j) {
      if (members[static_cast<std::size_t>(j)] > 0) continue;
      Index farthest = -1;
      for (Index n = 0; n < count_; ++n) {
        if (members[static_cast<std::size_t>(cluster(n))] < 2) continue;
        if (farthest < 0 || distance(n) > distance(farthest)) farthest = n;
      }
      --members[static_cast<std::size_t>(cluster(farthest))];
      cluster(farthest) = j;
      distance(farthest) = 0;  // it becomes the centroid
      members[static_cast<std::size_t>(j)] = 1;
    }
  }

  const WorkerTeam& team_;
  Index count_, features_, k_;
  std::vector<float> points_;  // (count, features), row-major, like the centroids
  std::vector<float> centroids_;
  std::vector<Index> clusters_;
  std::vector<double> distances_;  // squared distance of each point to its centroid
};

}  // namespace detail

/// Clusters points (N, ...) around k centroids by Lloyd's algorithm from k-means++ seeds (Arthur and Vassilvitskii
/// 2007), until no point changes its cluster or for `most_iterations`. A cluster that loses all its points gets the
/// point that is farthest from its centroid. The bits do not depend on the number of threads. @throws ArgumentError
/// unless 1 <= k <= N and most_iterations >= 1.
inline KMeans kmeans(const Tensor<float>& points, Index k, Index most_iterations, Random random,
                     const WorkerTeam& team) {
  const Index count = points.shape()[0];
  if (k < 1 || k > count) throw ArgumentError("kmeans: cannot make ", k, " clusters of ", count, " points");
  if (most_iterations < 1) throw ArgumentError("kmeans: needs at least one iteration, got ", most_iterations);
  KMeans result;
  team.session([&] {
    detail::Lloyd lloyd(points, k, team);
    lloyd.seed(random);
    for (Index i = 0; i < most_iterations; ++i) {
      const bool changed = lloyd.assign();
      result.costs.push_back(lloyd.cost());
      if (!changed && i > 0) break;
      lloyd.move_centroids();
    }
    result.centroids = lloyd.centroids(points.shape().with_samples(k));
    result.clusters = std::move(lloyd).clusters();
  });
  return result;
}

/// The point of each cluster that is nearest to its centroid, the first if several are equal. `points` are the N points
/// that were clustered. The k points are distinct, as clusters are disjoint and not empty.
inline std::vector<Index> nearest_to_centroids(const Tensor<float>& points, const KMeans& found) {
  const Index count = points.shape()[0], k = found.centroids.shape()[0];
  const Index features = points.shape().features();
  const std::vector<float> rows = to_row_major(points), centroids = to_row_major(found.centroids);
  const auto row = [features](const std::vector<float>& all, Index n) {
    return Eigen::Map<const Eigen::VectorXf>(all.data() + n * features, features);
  };
  std::vector<Index> nearest(static_cast<std::size_t>(k));
  std::vector<double> least(nearest.size(), std::numeric_limits<double>::infinity());
  for (Index n = 0; n < count; ++n) {
    const auto j = static_cast<std::size_t>(found.clusters[static_cast<std::size_t>(n)]);
    const double distance = (row(rows, n) - row(centroids, static_cast<Index>(j))).squaredNorm();
    if (distance < least[j]) least[j] = distance, nearest[j] = n;
  }
  return nearest;
}

}  // namespace hypertape::inline HYPERTAPE_ABI::distill
