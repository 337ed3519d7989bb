#pragma once

#include <array>

#include "hypertape/distill/distilled_parameters.hpp"
#include "support/random_tensor.hpp"

/// What the fuzz targets of distilled sets and checkpoints share with their seeds.
namespace hypertape::testing {

inline constexpr std::array distilled_arrays{"images", "labels",  "learning_rates", "mean",    "std",        "momentum",
                                             "theta0", "classes", "data_checksum",  "dataset", "class_names"};

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
                                              "best.momentum",
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
  return distill::DistilledParameters({random_tensor<float>(Shape{2, 1, 2, 2}, 1)},
                                      {random_tensor<float>(Shape{2, 2}, 2)}, options,
                                      data::Normalization{{0.5F}, {0.5F}});
}

inline Hypergradient<float> small_hypergradient() {
  Hypergradient<float> h;
  h.x = {random_tensor<float>(Shape{2, 1, 2, 2}, 3)};
  h.y = {random_tensor<float>(Shape{2, 2}, 4)};
  h.learning_rates = random_tensor<float>(Shape{3, 1}, 5);
  return h;
}

}  // namespace hypertape::testing
