#pragma once

#include <string>

#include "common.hpp"
#include "hypertape/distill/distilled_set.hpp"
#include "hypertape/distill/evaluation.hpp"
#include "hypertape/distill/objective.hpp"

namespace hypertape::cli {

/// Reads the distilled set that --distilled names. Warns if it was made from other data than the dataset, or has
/// another normalization. @throws DataError if its images have another shape than the dataset's, or its classes are
/// others.
distill::DistilledSet load_distilled(const std::filesystem::path& path, const data::Dataset& dataset);

/// What summary.json says of a test: accuracies in percent, means and standard deviations over the networks; those of
/// classes by the names that the dataset gives them, or their numbers.
Json summary_of(const distill::Evaluation& result, const distill::Objective& objective, const data::Dataset& dataset);
/// The same in a sentence or two.
std::string text_of(const distill::Evaluation& result, const distill::Objective& objective);
/// A table, one row a network.
std::string csv_of(const distill::Evaluation& result, const distill::Objective& objective);

}  // namespace hypertape::cli
