#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "hypertape/core/parallel.hpp"
#include "hypertape/data/dataset.hpp"
#include "hypertape/distill/kmeans.hpp"
#include "hypertape/distill/random_purpose.hpp"
#include "hypertape/ops/losses.hpp"

namespace hypertape::inline HYPERTAPE_ABI::distill {

/// The kinds of images that distillation can start from.
enum class Start {
  noise,   ///< `noise_images`
  real,    ///< `draw_real_images`
  kmeans,  ///< `draw_central_images`
};

/// The classes of one step's images, in order, each `images_per_class` times.
inline std::vector<std::int32_t> balanced_classes(int classes, Index images_per_class) {
  std::vector<std::int32_t> labels;
  for (int k = 0; k < classes; ++k) labels.insert(labels.end(), static_cast<std::size_t>(images_per_class), k);
  return labels;
}

/// One-hot labels (images, classes) of one step.
inline Tensor<float> balanced_labels(int classes, Index images_per_class) {
  const std::vector<std::int32_t> labels = balanced_classes(classes, images_per_class);
  return one_hot<float>(std::span<const std::int32_t>(labels), classes);
}

/// Noise N(0, deviation^2) in normalized space: a batch (classes * images_per_class, C, H, W) for each step.
inline std::vector<Tensor<float>> noise_images(const data::LabeledImages& like, Index steps, Index images_per_class,
                                               double deviation, Random random) {
  std::vector<Tensor<float>> images;
  for (Index s = 0; s < steps; ++s) {
    images.emplace_back(Shape::batch(like.classes * images_per_class, like.channels, like.height, like.width));
    for (float& value : images.back().values()) value = static_cast<float>(deviation * random.normal());
  }
  return images;
}

namespace detail {

/// The images of class k among `which`. @throws ArgumentError, starting with `what`, if there are too few.
inline std::vector<Index> enough_of_class(const data::LabeledImages& images, std::span<const Index> which, int k,
                                          Index steps, Index images_per_class, const char* what) {
  std::vector<Index> of_class = data::indices_of_class(images, which, k);
  const auto available = static_cast<Index>(of_class.size());
  if (available < steps * images_per_class) {
    throw ArgumentError(what, ": class ", k, " has ", available, " images, ", steps, " steps need ",
                        steps * images_per_class);
  }
  return of_class;
}

/// Clusters each class's images among `which` around steps * images_per_class centroids, and calls take(k, of_class,
/// points, found) with the class, the indices of its images, these images as points, and the clusters.
template <class Take>
void cluster_classes(const data::LabeledImages& images, std::span<const Index> which,
                     const data::Normalization& normalization, Index steps, Index images_per_class,
                     Index most_iterations, Random random, const WorkerTeam& team, const Take& take) {
  Tensor<float> points;
  for (int k = 0; k < images.classes; ++k) {
    const std::vector<Index> of_class = enough_of_class(images, which, k, steps, images_per_class, "k-means");
    data::gather(images, of_class, normalization, points);
    take(k, of_class, points, kmeans(points, steps * images_per_class, most_iterations, Random(random.bits()), team));
  }
}

}  // namespace detail

/// Draws the indices of each step's random real images from `which` without repetition, class by class.
/// @throws ArgumentError naming a class with too few images.
inline std::vector<std::vector<Index>> draw_real_images(const data::LabeledImages& images, std::span<const Index> which,
                                                        Index steps, Index images_per_class, Random random) {
  std::vector<std::vector<Index>> drawn(static_cast<std::size_t>(steps));
  for (int k = 0; k < images.classes; ++k) {
    const std::vector<Index> of_class =
        detail::enough_of_class(images, which, k, steps, images_per_class, "real images");
    const std::vector<Index> order = random.permutation(static_cast<Index>(of_class.size()));
    for (Index i = 0; i < steps * images_per_class; ++i) {
      drawn[static_cast<std::size_t>(i / images_per_class)].push_back(
          of_class[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])]);
    }
  }
  return drawn;
}

/// Draws central images instead of random ones, as DREAM does (Liu et al. 2023; there in a network's feature space).
/// K-means clusters the images of each class among `which` in normalized space, with one cluster per image wanted; the
/// real image nearest to each centroid is taken. Clusters are distributed over the steps in the random order of their
/// seeds. The result does not depend on the number of threads. @throws ArgumentError naming a class with too few
/// images.
inline std::vector<std::vector<Index>> draw_central_images(const data::LabeledImages& images,
                                                           std::span<const Index> which,
                                                           const data::Normalization& normalization, Index steps,
                                                           Index images_per_class, Random random,
                                                           const WorkerTeam& team) {
  constexpr Index most_iterations = 100;
  std::vector<std::vector<Index>> drawn(static_cast<std::size_t>(steps));
  const auto take = [&](int, const std::vector<Index>& of_class, const Tensor<float>& points, const KMeans& found) {
    const std::vector<Index> nearest = nearest_to_centroids(points, found);
    for (std::size_t i = 0; i < nearest.size(); ++i) {
      drawn[i / static_cast<std::size_t>(images_per_class)].push_back(of_class[static_cast<std::size_t>(nearest[i])]);
    }
  };
  detail::cluster_classes(images, which, normalization, steps, images_per_class, most_iterations, random, team, take);
  return drawn;
}

/// Gathers the drawn images into normalized batches.
inline std::vector<Tensor<float>> real_images(const data::LabeledImages& images,
                                              const std::vector<std::vector<Index>>& drawn,
                                              const data::Normalization& normalization) {
  std::vector<Tensor<float>> batches(drawn.size());
  for (std::size_t s = 0; s < drawn.size(); ++s) data::gather(images, drawn[s], normalization, batches[s]);
  return batches;
}

}  // namespace hypertape::inline HYPERTAPE_ABI::distill
