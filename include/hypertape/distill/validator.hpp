#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "hypertape/core/communicator.hpp"
#include "hypertape/core/parallel.hpp"
#include "hypertape/data/dataset.hpp"
#include "hypertape/distill/distill_options.hpp"
#include "hypertape/distill/evaluation.hpp"
#include "hypertape/nn/network.hpp"

namespace hypertape::inline HYPERTAPE_ABI::distill {

/// Scores distilled sets on held-out training images, so that the test images play no part in choosing the best state.
class Validator {
 public:
  /// Tests networks that start from the weights `theta0` on the training images `held_out`. The dataset must outlive
  /// the validator; `options` must be resolved.
  Validator(nn::Network<float> network, const data::Dataset& dataset, std::vector<Index> held_out,
            std::vector<Tensor<float>> theta0, const DistillOptions& options)
      : network_(std::move(network)),
        dataset_(dataset),
        held_out_(std::move(held_out)),
        theta0_(std::move(theta0)),
        objective_(options.objective),
        balanced_(*options.real.balanced),
        skip_diverged_(options.outer_loop.skip_diverged),
        seed_(options.seed) {}

  /// The networks' initial weights.
  const std::vector<Tensor<float>>& theta0() const { return theta0_; }

  /// Trains networks on this set and returns the percentage of held-out images that they classify as the objective
  /// wants, averaged over networks. If real batches are balanced, it is the mean over classes. With `skip_diverged`, a
  /// network that diverges counts as 0. Ranks share the networks. @throws DivergenceError naming a network that
  /// diverges, without `skip_diverged`.
  double score(const DistilledSet& set, const WorkerTeam& team,
               const Communicator& ranks = Communicator::alone()) const {
    const auto count = static_cast<Index>(theta0_.size());
    const std::vector<Index> numbers = data::all_indices(count);
    const auto scores_of = [&](Range own) {
      const auto first = static_cast<std::size_t>(own.begin), size = static_cast<std::size_t>(own.size());
      const std::vector<TestResult> tested =
          test_networks(network_,
                        train_networks(set_trainer(network_, set, seed_), std::span(theta0_).subspan(first, size),
                                       std::span(numbers).subspan(first, size), team),
                        dataset_.train, held_out_, set.normalization, team);
      std::vector<double> scores;
      for (const TestResult& result : tested) {
        if (!skip_diverged_) require_success(result, own.begin + static_cast<Index>(scores.size()));
        scores.push_back(objective_.score(result.confusion, balanced_));
      }
      return scores;
    };
    double sum = 0;
    for (const double score : share_out<double>(ranks, count, scores_of)) sum += score;
    return sum / static_cast<double>(count);
  }

 private:
  nn::Network<float> network_;
  const data::Dataset& dataset_;
  std::vector<Index> held_out_;
  std::vector<Tensor<float>> theta0_;
  Objective objective_;
  bool balanced_, skip_diverged_;
  std::uint64_t seed_;
};

}  // namespace hypertape::inline HYPERTAPE_ABI::distill
