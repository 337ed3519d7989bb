#pragma once

#include <optional>
#include <string>

#include "common.hpp"
#include "hypertape/distill/distilled_set.hpp"
#include "hypertape/distill/evaluation.hpp"
#include "hypertape/distill/free_training.hpp"
#include "hypertape/distill/objective.hpp"

namespace hypertape::cli {

/// Reads the distilled set that this option names. Warns if it was made from other data or has another normalization.
/// @throws DataError if its image shape or its classes differ from the dataset's.
distill::DistilledSet load_distilled(const std::string& option, const std::filesystem::path& path,
                                     const data::Dataset& dataset);

/// How networks were trained, freely or as the set says: for summary.json, so that only like figures are compared.
Json protocol_of(const distill::DistilledSet& set, const distill::FreeTraining* free, bool shuffled);

/// Tests of distilled images, and of random real images under the same labels.
struct Comparison {
  distill::Evaluation distilled;
  std::optional<distill::Evaluation> real = std::nullopt;

  /// The distilled images' lead in percentage points.
  double gain() const { return distilled.accuracy().mean - real->accuracy().mean; }
};

/// The entries of summary.json about the real images.
Json real_images_of(const Comparison& comparison);
/// The same as a sentence; `labels` is "the same" or "hard".
std::string real_images_text(const char* labels, const Comparison& comparison);

/// The entries of summary.json about a test: accuracies in percent, means and standard deviations over networks.
/// Classes are named as in the dataset, or numbered.
Json summary_of(const distill::Evaluation& result, const distill::Objective& objective, const data::Dataset& dataset);
/// The same as a sentence or two.
std::string text_of(const distill::Evaluation& result, const distill::Objective& objective);
/// CSV with one row per network.
std::string csv_of(const distill::Evaluation& result, const distill::Objective& objective);
/// CSV of the confusion matrix, summed over all networks: one row per true class, one column per predicted class. The
/// last column counts images for which a network's outputs are NaN.
std::string confusion_csv(const distill::Evaluation& result);

}  // namespace hypertape::cli
