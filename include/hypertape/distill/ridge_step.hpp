#pragma once

#include <cstdint>
#include <filesystem>
#include <utility>
#include <vector>

#include "hypertape/core/micro_batches.hpp"
#include "hypertape/core/parallel.hpp"
#include "hypertape/data/augment.hpp"
#include "hypertape/distill/batch_sampler.hpp"
#include "hypertape/distill/distill_options.hpp"
#include "hypertape/distill/initial_weights.hpp"
#include "hypertape/distill/outer_step.hpp"
#include "hypertape/distill/random_purpose.hpp"
#include "hypertape/distill/ridge_gradient.hpp"
#include "hypertape/distill/trained_pool.hpp"
#include "hypertape/nn/network.hpp"

namespace hypertape::inline HYPERTAPE_ABI::distill {

/// An outer step by ridge regression (`RidgeGradient`) on one network's features of the distilled images. Seed and
/// iteration draw the network from a `TrainedPool`. Each iteration begins by training the previous iteration's network
/// on the distilled images as they are now. If the set has an augmentation, the regression and the training see
/// different variations of the images. Learning rates are not used.
class RidgeStep {
 public:
  /// For unordered sets like this one. Network, initial weights and ranks, which share the real images, must outlive
  /// the step; `options` must be resolved. @throws ArgumentError as `RidgeGradient` and `TrainedPool`.
  RidgeStep(const nn::Network<float>& network, const InitialWeights& training, BatchSampler batches,
            const DistillOptions& options, const DistilledSet& set, const WorkerTeam& team,
            const Communicator& ranks = Communicator::alone())
      : seed_(options.seed),
        batches_(std::move(batches)),
        gradient_(network, options.ridge.regularizer, team, ranks),
        pool_(network, training, options.ridge, inner_samples_per_block(set.count()), team) {}
  RidgeStep(const RidgeStep&) = delete;
  RidgeStep& operator=(const RidgeStep&) = delete;

  /// The pool of networks.
  const TrainedPool& pool() const { return pool_; }

  /// See `OuterStep`.
  OuterGradient operator()(const DistilledSet& set, long iteration) {
    const auto varied = [&](bool in_training) {
      return data::augment(set.images.front(), set.augmentation, draws(iteration, in_training));
    };
    if (iteration > 0) pool_.train(network_of(iteration - 1), varied(true), set.labels.front());
    const Index network = network_of(iteration);
    batches_.draw(iteration, 1);
    const auto load = [&](Range places, Tensor<float>& x, Tensor<float>& y) { batches_.load(0, places, x, y); };
    OuterGradient result{0, {std::vector<Tensor<float>>(1), std::vector<Tensor<float>>(1), {}}};
    SetGradient& gradient = result.gradient;
    gradient.learning_rates = Tensor<float>(set.learning_rates.shape());
    try {
      result.loss = static_cast<double>(gradient_(pool_[network], varied(false), set.labels.front(), batches_.size(),
                                                  load, gradient.images[0], gradient.labels[0]));
    } catch (const DivergenceError& error) {
      pool_.replace(network);
      throw DivergenceError("pool network ", network, ": ", error.what());
    }
    gradient.images[0] = data::augment_adjoint(gradient.images[0], set.augmentation, draws(iteration, false));
    return result;
  }

  /// See `OuterStep`.
  void save(io::Npz& npz) const { pool_.save(npz); }
  /// See `OuterStep`.
  void restore(const io::Npz& npz, const std::filesystem::path& path) { pool_.restore(npz, path); }

 private:
  Index network_of(long iteration) const {
    return random_stream(seed_, RandomPurpose::trained_pool, iteration).below(pool_.size());
  }

  /// How to vary the distilled images: each iteration has two variations.
  data::AugmentationDraws draws(long iteration, bool in_training) const {
    Random random = random_stream(seed_, RandomPurpose::inner_batches, iteration);
    return {random.bits(), in_training ? 1U : 0U, 0};
  }

  std::uint64_t seed_;
  BatchSampler batches_;
  RidgeGradient<float> gradient_;
  TrainedPool pool_;
};

}  // namespace hypertape::inline HYPERTAPE_ABI::distill
