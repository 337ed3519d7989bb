#pragma once

#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "hypertape/core/parallel.hpp"
#include "hypertape/distill/batch_sampler.hpp"
#include "hypertape/distill/distill_options.hpp"
#include "hypertape/distill/initial_weights.hpp"
#include "hypertape/distill/outer_step.hpp"
#include "hypertape/distill/random_purpose.hpp"
#include "hypertape/distill/training_plan.hpp"
#include "hypertape/nn/classification_loss.hpp"
#include "hypertape/nn/network.hpp"
#include "hypertape/unroll/batch_gradient.hpp"
#include "hypertape/unroll/certify.hpp"
#include "hypertape/unroll/unroll_ensemble.hpp"

namespace hypertape::inline HYPERTAPE_ABI::distill {

/// The loss of networks that are trained on the distilled set, differentiated through all of their training (Wang et
/// al. 2018, Algorithm 1): the mean over the initial weights of one iteration.
class UnrollStep {
 public:
  /// For sets like this one. Network and initial weights must outlive it; `options` must be resolved. @throws
  /// ArgumentError if the options' budget of memory does not do, before the first step finds out.
  UnrollStep(const nn::Network<float>& network, const InitialWeights& training, BatchSampler batches,
             DistillOptions options, const DistilledSet& set, const WorkerTeam& team)
      : network_(network),
        training_(training),
        options_(std::move(options)),
        batches_(std::move(batches)),
        unroll_(nn::ClassificationLoss{&network}, unroll_options(set), team) {
    for (int w = 0; w < team.size(); ++w) outer_gradients_.emplace_back(nn::ClassificationLoss{&network}, team);
    if (options_.inner_loop.schedule.is_concrete()) return;
    const auto theta0 = training_.of_iteration(options_.outer_loop.networks, 0, options_.seed);
    unroll_.predicted_bytes(plan_of(set, 0).loop(set, theta0.front()), theta0.size());
  }
  UnrollStep(const UnrollStep&) = delete;
  UnrollStep& operator=(const UnrollStep&) = delete;

  /// As `OuterStep`.
  OuterGradient operator()(const DistilledSet& set, long iteration) {
    const OuterLoopOptions& outer = options_.outer_loop;
    const std::vector<Tensor<float>> theta0 = training_.of_iteration(outer.networks, iteration, options_.seed);
    batches_.draw(iteration, static_cast<Index>(theta0.size()));
    const TrainingPlan plan = plan_of(set, iteration);
    InnerLoop<float> loop = plan.loop(set, theta0.front());
    if (outer.random_windows) {  // the window fits before where the loop stops, and every end is as likely
      Random random = random_stream(options_.seed, RandomPurpose::windows, iteration);
      loop.max_steps = *outer.window + random.below(loop.length() - *outer.window + 1);
    }
    const auto real_loss = [&](Index network, int worker) {
      return [this, network, worker](const Tensor<float>& theta, Tensor<float>& gradient) {
        const auto load = [&](Range places, Tensor<float>& x, Tensor<float>& y) {
          batches_.load(network, places, x, y);
        };
        return outer_gradients_[static_cast<std::size_t>(worker)](theta, batches_.size(), load, gradient);
      };
    };
    const Hypergradient<float>& h = unroll_(loop, theta0, real_loss);
    OuterGradient result{static_cast<double>(h.outer_loss), plan.pull_back(set, h)};
    if (outer.certify_every && (iteration + 1) % *outer.certify_every == 0) {
      result.certificate = certify(loop, nn::ClassificationLoss{&network_}, real_loss(0, 0), unroll_.results().front());
    }
    return result;
  }

 private:
  UnrollOptions unroll_options(const DistilledSet& set) const {
    UnrollOptions unroll;
    unroll.samples_per_block =
        inner_samples_per_block(set.unordered ? set.unordered->batch : set.images.front().shape()[0]);
    unroll.differentiate.y = options_.labels.soft;
    unroll.schedule = options_.inner_loop.schedule;
    unroll.window = options_.outer_loop.window.value_or(0);
    return unroll;
  }

  /// What inner steps are given in this iteration.
  TrainingPlan plan_of(const DistilledSet& set, long iteration) const {
    return TrainingPlan(set, random_stream(options_.seed, RandomPurpose::inner_batches, iteration));
  }

  const nn::Network<float>& network_;
  const InitialWeights& training_;
  DistillOptions options_;
  BatchSampler batches_;
  UnrollEnsemble<float> unroll_;
  std::vector<BatchGradient<float>> outer_gradients_;  // one for each thread
};

}  // namespace hypertape::inline HYPERTAPE_ABI::distill
