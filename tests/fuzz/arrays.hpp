#pragma once

#include <array>

#include "hypertape/distill/distilled_parameters.hpp"
#include "support/random_tensor.hpp"

/// What the fuzz targets of distilled sets and checkpoints share with their seeds.
namespace hypertape::testing {

inline constexpr std::array distilled_arrays{"images",      "labels", "learning_rates", "mean",          "std",
                                             "momentum",    "theta0", "classes",        "data_checksum", "dataset",
                                             "class_names", "rule",   "unordered"};

inline constexpr std::array checkpoint_arrays{"images",
                                              "images.adam_steps",
                                              "images.adam_mean",
                                              "images.adam_square",
                                              "labels",
                                              "labels.adam_steps",
                                              "labels.adam_mean",
                                              "labels.adam_square",
                                              "raw_rates",
                                              "raw_rates.adam_steps",
                                              "raw_rates.adam_mean",
                                              "raw_rates.adam_square",
                                              "clip_average",
                                              "averaged_steps",
                                              "log.iterations",
                                              "log.figures",
                                              "log.rates",
                                              "snapshots.iterations",
                                              "snapshots.images",
                                              "best.images",
                                              "best.labels",
                                              "best.learning_rates",
                                              "best.mean",
                                              "best.std",
                                              "best.rule",
                                              "best.unordered",
                                              "best.theta0",
                                              "best.classes",
                                              "best.data_checksum",
                                              "best.dataset",
                                              "best.class_names"};

/// One step of two images of 2 x 2 pixels, with soft labels of two classes; three epochs.
inline distill::DistilledParameters small_learned_set() {
  distill::DistillOptions options;
  options.labels.soft = true;
  options.outer_loop.clip_average = 2;
  distill::DistilledSet set;
  set.images = {random_tensor<float>(Shape::batch(2, 1, 2, 2), 1)};
  set.labels = {random_tensor<float>(Shape::batch(2, 2), 2)};
  set.soft_labels = true;
  set.learning_rates = Tensor<float>(Shape{3, 1}, 0.2F);
  set.normalization = {{0.5F}, {0.5F}};
  return distill::DistilledParameters(set, options);
}

inline distill::SetGradient small_gradient() {
  return {{random_tensor<float>(Shape::batch(2, 1, 2, 2), 3)},
          {random_tensor<float>(Shape::batch(2, 2), 4)},
          random_tensor<float>(Shape{3, 1}, 5)};
}

}  // namespace hypertape::testing
