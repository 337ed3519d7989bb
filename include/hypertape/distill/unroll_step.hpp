#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "hypertape/core/communicator.hpp"
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

/// An outer step by unrolling (Wang et al. 2018, Algorithm 1): the loss of networks trained on the distilled set,
/// differentiated through all of their training. It is the mean over the initial weights of an iteration.
class UnrollStep {
 public:
  /// For sets like this one. Network, initial weights and ranks must outlive the step; `options` must be resolved.
  /// Ranks share an iteration's networks; if there are fewer networks than ranks, they also share the blocks of real
  /// images. @throws ArgumentError if the options' memory budget is too small for the first step.
  UnrollStep(const nn::Network<float>& network, const InitialWeights& training, BatchSampler batches,
             DistillOptions options, const DistilledSet& set, const WorkerTeam& team,
             const Communicator& ranks = Communicator::alone())
      : network_(network),
        training_(training),
        options_(std::move(options)),
        batches_(std::move(batches)),
        team_(team),
        ranks_(ranks),
        networks_((std::min)(options_.outer_loop.networks, training.count().value_or(options_.outer_loop.networks))),
        share_(ranks, networks_),
        same_networks_(ranks.split(share_.group)),
        unroll_(nn::ClassificationLoss{&network}, unroll_options(set), team, ranks) {
    for (int w = 0; w < team.size(); ++w) {
      outer_gradients_.emplace_back(nn::ClassificationLoss{&network}, team, hypertape::detail::outer_samples_per_block,
                                    *same_networks_);
    }
    if (options_.inner_loop.schedule.is_concrete()) return;
    unroll_.predicted_bytes(plan_of(set, 0).loop(set, training_[0]), static_cast<std::size_t>(networks_));
  }
  UnrollStep(const UnrollStep&) = delete;
  UnrollStep& operator=(const UnrollStep&) = delete;

  /// See `OuterStep`.
  OuterGradient operator()(const DistilledSet& set, long iteration) {
    const OuterLoopOptions& outer = options_.outer_loop;
    const std::vector<Index> numbers = training_.numbers_of_iteration(outer.networks, iteration, options_.seed);
    const auto theta0 = [&](Index network) { return training_[numbers[static_cast<std::size_t>(network)]]; };
    batches_.draw(iteration, networks_);
    const TrainingPlan plan = plan_of(set, iteration);
    InnerLoop<float> loop = plan.loop(set, theta0(share_.tasks.begin));
    if (outer.random_windows) {  // a uniformly random end that leaves room for the window
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
    OuterGradient result = mean(set, plan, unroll_.each(loop, networks_, theta0, real_loss));
    if (outer.certify_every && (iteration + 1) % *outer.certify_every == 0 && share_.tasks.begin == 0) {
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

  /// The loss and derivatives of one network, or their sum over networks.
  struct Term {
    float loss = 0;
    SetGradient gradient;

    std::vector<std::span<float>> parts() {
      std::vector<std::span<float>> all{{&loss, 1}};
      SetGradient::for_each(gradient, [&](std::span<float> values) { all.push_back(values); });
      return all;
    }
  };

  /// The mean over the networks of all ranks; `own` are the hypergradients of this rank's share. Ranks only send data
  /// of the size of the distilled set.
  OuterGradient mean(const DistilledSet& set, const TrainingPlan& plan, std::span<const Hypergradient<float>> own) {
    std::vector<Term> terms(own.size());
    team_.for_each(static_cast<Index>(own.size()), [&](Index i, int) {
      const Hypergradient<float>& h = own[static_cast<std::size_t>(i)];
      terms[static_cast<std::size_t>(i)] = {h.outer_loss, plan.pull_back(set, h)};
    });
    std::vector<std::vector<const float*>> values;
    for (Term& term : terms) {
      values.emplace_back();
      for (const std::span<float> part : term.parts()) values.back().push_back(part.data());
    }
    Term sum = terms.front();
    mean_over_ranks<float>(ranks_, networks_, sum.parts(), values);
    return {static_cast<double>(sum.loss), std::move(sum.gradient)};
  }

  /// The inputs of the inner steps in this iteration.
  TrainingPlan plan_of(const DistilledSet& set, long iteration) const {
    return TrainingPlan(set, random_stream(options_.seed, RandomPurpose::inner_batches, iteration));
  }

  const nn::Network<float>& network_;
  const InitialWeights& training_;
  DistillOptions options_;
  BatchSampler batches_;
  WorkerTeam team_;
  const Communicator& ranks_;
  Index networks_;                               // per iteration
  TaskShare share_;                              // this rank's share of them
  std::unique_ptr<Communicator> same_networks_;  // the ranks with the same share
  UnrollEnsemble<float> unroll_;
  std::vector<BatchGradient<float>> outer_gradients_;  // one per thread
};

}  // namespace hypertape::inline HYPERTAPE_ABI::distill
