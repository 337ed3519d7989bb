#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "common.hpp"
#include "hypertape/distill/distilled_set.hpp"
#include "hypertape/distill/evaluation.hpp"
#include "hypertape/distill/initial_weights.hpp"
#include "hypertape/distill/objective.hpp"

namespace hypertape::cli {

/// Reads the distilled set that --distilled names. Warns if it was made from other data than the dataset, or has
/// another normalization. @throws DataError if its images have another shape than the dataset's, or its classes are
/// others.
distill::DistilledSet load_distilled(const std::filesystem::path& path, const data::Dataset& dataset);

/// What networks take the test images for, before and after training on a distilled set.
struct TestResult {
  std::vector<distill::Confusion> before, after;  ///< of each network
  Index diverged = 0;                             ///< how many got nothing right because they diverged
  double train_seconds = 0;

  /// What summary.json says of it: accuracies in percent, means and standard deviations over the networks; those of
  /// classes by the names that the dataset gives them, or their numbers.
  Json summary(const distill::Objective& objective, const data::Dataset& dataset) const;
  /// The same in a sentence or two.
  std::string text(const distill::Objective& objective) const;
  /// A table, one row a network.
  std::string csv(const distill::Objective& objective) const;
};

/// Trains and tests the networks that start from the initial weights of these numbers. Between some networks and the
/// next, calls `proceed(result so far)`, and stops if that says false. @throws DivergenceError naming the number of a
/// network that diverges, unless such are to be skipped.
TestResult train_and_test(const nn::Network<float>& network, const distill::DistilledSet& set,
                          const distill::InitialWeights& weights, std::span<const Index> numbers,
                          const data::LabeledImages& images, const WorkerTeam& team, bool skip_diverged,
                          const std::function<bool(const TestResult&)>& proceed);

}  // namespace hypertape::cli
