#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "hypertape/core/micro_batches.hpp"
#include "hypertape/core/parallel.hpp"
#include "hypertape/core/row_major.hpp"
#include "hypertape/data/dataset.hpp"
#include "hypertape/distill/confusion.hpp"
#include "hypertape/distill/distilled_set.hpp"

namespace hypertape::inline HYPERTAPE_ABI::distill {

/// A distance between images: the sum of absolute or of squared differences.
enum class Distance { l1, l2 };

/// The name of a distance, "l1" or "l2".
inline std::string name_of(Distance distance) { return distance == Distance::l1 ? "l1" : "l2"; }

/// Classifies images by the nearest images of a distilled set, without a network.
class NearestNeighbors {
 public:
  /// Uses the images of all steps alike. @throws ArgumentError if the labels are soft.
  explicit NearestNeighbors(const DistilledSet& set) : normalization_(set.normalization) {
    if (set.soft_labels) throw ArgumentError("k nearest neighbors: needs hard labels, got soft ones");
    features_ = set.images.front().shape().features();
    for (std::size_t s = 0; s < set.images.size(); ++s) {
      const std::vector<float> images = to_row_major(set.images[s]);
      images_.insert(images_.end(), images.begin(), images.end());
      for (Index n = 0; n < set.images[s].shape()[0]; ++n) {
        Index label = 0;
        set.labels[s].matrix().row(n).maxCoeff(&label);
        labels_.push_back(label);
      }
    }
    classes_ = set.classes();
  }

  /// The number of images in the set.
  Index count() const { return static_cast<Index>(labels_.size()); }

  /// Classifies the images `which`, once for each number of neighbors. The prediction is the class that occurs most
  /// often among the K nearest images; if several do, that of the nearest. Of images at the same distance, the first
  /// counts as nearer. The result does not depend on the number of threads. @throws ArgumentError if a K is not in
  /// 1 .. count(), or the images have another size or number of classes than the set.
  std::vector<Confusion> classify(std::span<const Index> neighbors, Distance distance,
                                  const data::LabeledImages& images, std::span<const Index> which,
                                  const WorkerTeam& team) const {
    validate(neighbors, images);
    constexpr Index block_size = 64;
    const hypertape::detail::MicroBatches blocks(static_cast<Index>(which.size()), block_size);
    const std::vector<Confusion> none(neighbors.size(), Confusion(images.classes));
    std::vector<std::vector<Confusion>> parts(static_cast<std::size_t>(team.size()), none);
    const Index most = *std::max_element(neighbors.begin(), neighbors.end());
    team.for_each(blocks.count(), [&](Index block, int worker) {
      const Range range = blocks[block];
      const auto part = which.subspan(static_cast<std::size_t>(range.begin), static_cast<std::size_t>(range.size()));
      Tensor<float> batch;
      data::gather(images, part, normalization_, batch);
      const std::vector<float> rows = to_row_major(batch);
      for (std::size_t n = 0; n < part.size(); ++n) {
        const std::vector<Index> nearest =
            nearest_labels(rows.data() + static_cast<Index>(n) * features_, distance, most);
        const Index truth = images.labels[static_cast<std::size_t>(part[n])];
        for (std::size_t i = 0; i < neighbors.size(); ++i) {
          const auto voters = std::span(nearest).first(static_cast<std::size_t>(neighbors[i]));
          parts[static_cast<std::size_t>(worker)][i].add(truth, vote(voters));
        }
      }
    });
    std::vector<Confusion> all = none;
    for (const auto& part : parts) {
      for (std::size_t i = 0; i < all.size(); ++i) all[i] += part[i];
    }
    return all;
  }

 private:
  void validate(std::span<const Index> neighbors, const data::LabeledImages& images) const {
    if (neighbors.empty()) throw ArgumentError("k nearest neighbors: needs at least one number of neighbors");
    for (const Index k : neighbors) {
      if (k < 1 || k > count()) {
        throw ArgumentError("k nearest neighbors: needs 1 .. ", count(), " neighbors, got ", k);
      }
    }
    if (images.bytes_per_image() != features_ || images.classes != classes_) {
      throw ArgumentError("k nearest neighbors: images of ", images.bytes_per_image(), " pixels and ", images.classes,
                          " classes do not match a set of ", features_, " pixels and ", classes_, " classes");
    }
  }

  /// The labels of the nearest images, nearest first.
  std::vector<Index> nearest_labels(const float* pixels, Distance distance, Index most) const {
    const Eigen::Map<const Eigen::ArrayXf> x(pixels, features_);
    std::vector<std::pair<float, Index>> candidates;
    for (Index i = 0; i < count(); ++i) {
      const Eigen::Map<const Eigen::ArrayXf> y(images_.data() + i * features_, features_);
      candidates.emplace_back(distance == Distance::l1 ? (x - y).abs().sum() : (x - y).square().sum(), i);
    }
    std::partial_sort(candidates.begin(), candidates.begin() + most, candidates.end());
    std::vector<Index> labels;
    for (Index i = 0; i < most; ++i) {
      labels.push_back(labels_[static_cast<std::size_t>(candidates[static_cast<std::size_t>(i)].second)]);
    }
    return labels;
  }

  /// The most frequent label; if several are, the one that comes first.
  static Index vote(std::span<const Index> labels) {
    return *std::max_element(labels.begin(), labels.end(), [&](Index a, Index b) {
      return std::count(labels.begin(), labels.end(), a) < std::count(labels.begin(), labels.end(), b);
    });
  }

  data::Normalization normalization_;
  Index features_ = 0;
  Index classes_ = 0;
  std::vector<float> images_;  // (count, features), row-major
  std::vector<Index> labels_;
};

}  // namespace hypertape::inline HYPERTAPE_ABI::distill
