#pragma once

#include <optional>
#include <string>

#include "common.hpp"
#include "hypertape/distill/distilled_set.hpp"
#include "hypertape/distill/evaluation.hpp"
#include "hypertape/distill/free_training.hpp"
#include "hypertape/distill/objective.hpp"

namespace hypertape::cli {

/// Reads the distilled set that this option names. Warns if it was made from other data than the dataset, or has
/// another normalization. @throws DataError if its images have another shape than the dataset's, or its classes are
/// others.
distill::DistilledSet load_distilled(const std::string& option, const std::filesystem::path& path,
                                     const data::Dataset& dataset);

/// How networks were trained, in summary.json, so that figures are compared with their like: freely, or as the set
/// says.
Json protocol_of(const distill::DistilledSet& set, const distill::FreeTraining* free, bool shuffled);

/// Distilled images under one kind of labels, and random real images in their place.
struct Comparison {
  distill::Evaluation distilled;
  std::optional<distill::Evaluation> real = std::nullopt;

  /// Points of accuracy that the distilled images are ahead.
  double gain() const { return distilled.accuracy().mean - real->accuracy().mean; }
};

/// What summary.json says of the real images.
Json real_images_of(const Comparison& comparison);
/// The same in a sentence; `labels` are "the same" or "hard".
std::string real_images_text(const char* labels, const Comparison& comparison);

/// What summary.json says of a test: accuracies in percent, means and standard deviations over the networks; those of
/// classes by the names that the dataset gives them, or their numbers.
Json summary_of(const distill::Evaluation& result, const distill::Objective& objective, const data::Dataset& dataset);
/// The same in a sentence or two.
std::string text_of(const distill::Evaluation& result, const distill::Objective& objective);
/// A table, one row a network.
std::string csv_of(const distill::Evaluation& result, const distill::Objective& objective);
/// A table of how many test images of each class, a row, the networks classify as each class, a column, all networks
/// together; the last column has the images for which a network's outputs are no numbers.
std::string confusion_csv(const distill::Evaluation& result);

}  // namespace hypertape::cli
