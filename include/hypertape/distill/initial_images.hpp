#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "hypertape/data/dataset.hpp"
#include "hypertape/distill/random_purpose.hpp"
#include "hypertape/ops/losses.hpp"

namespace hypertape::inline HYPERTAPE_ABI::distill {

/// The classes of one step's images: each `images_per_class` times, in order.
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

/// For each step a batch (classes * images_per_class, C, H, W) of noise N(0, deviation^2) in normalized space.
inline std::vector<Tensor<float>> noise_images(const data::LabeledImages& like, Index steps, Index images_per_class,
                                               double deviation, Random random) {
  std::vector<Tensor<float>> images;
  for (Index s = 0; s < steps; ++s) {
    images.emplace_back(Shape::batch(like.classes * images_per_class, like.channels, like.height, like.width));
    for (float& value : images.back().values()) value = static_cast<float>(deviation * random.normal());
  }
  return images;
}

/// The indices of one step's random images for each of several steps, class by class, drawn from `which` without
/// repetition. @throws ArgumentError naming a class that has too few.
inline std::vector<std::vector<Index>> draw_real_images(const data::LabeledImages& images, std::span<const Index> which,
                                                        Index steps, Index images_per_class, Random random) {
  std::vector<std::vector<Index>> drawn(static_cast<std::size_t>(steps));
  for (int k = 0; k < images.classes; ++k) {
    const std::vector<Index> of_class = data::indices_of_class(images, which, k);
    const auto available = static_cast<Index>(of_class.size());
    if (available < steps * images_per_class) {
      throw ArgumentError("real images: class ", k, " has ", available, " images, ", steps, " steps need ",
                          steps * images_per_class);
    }
    const std::vector<Index> order = random.permutation(available);
    for (Index i = 0; i < steps * images_per_class; ++i) {
      drawn[static_cast<std::size_t>(i / images_per_class)].push_back(
          of_class[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])]);
    }
  }
  return drawn;
}

/// The batches of the drawn images, normalized.
inline std::vector<Tensor<float>> real_images(const data::LabeledImages& images,
                                              const std::vector<std::vector<Index>>& drawn,
                                              const data::Normalization& normalization) {
  std::vector<Tensor<float>> batches(drawn.size());
  for (std::size_t s = 0; s < drawn.size(); ++s) data::gather(images, drawn[s], normalization, batches[s]);
  return batches;
}

}  // namespace hypertape::inline HYPERTAPE_ABI::distill
