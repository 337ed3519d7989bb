#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "hypertape/data/dataset.hpp"
#include "hypertape/distill/initial_weights.hpp"
#include "hypertape/distill/random_stream.hpp"
#include "hypertape/nn/classification_loss.hpp"
#include "hypertape/optim/optimizer.hpp"
#include "hypertape/optim/schedule.hpp"
#include "hypertape/unroll/batch_gradient.hpp"

namespace hypertape::distill {

/// How to train a network on real data by Adam.
struct PretrainOptions {
  Index epochs = 10;            ///< passes over the training images
  Index batch = 128;            ///< images of a step
  double learning_rate = 1e-3;  ///< follows half a cosine down to zero
  WeightDistribution initial;   ///< how weights start
  std::uint64_t seed = 1;       ///< of initial weights and the order of images

  /// @throws ArgumentError naming the first value that is out of range.
  void validate() const {
    const auto need = [](bool valid, const char* what, auto value) {
      if (!valid) throw ArgumentError(message("PretrainOptions: ", what, ", got ", value));
    };
    need(epochs >= 1, "epochs must be at least 1", epochs);
    need(batch >= 1, "batch must be at least 1", batch);
    need(learning_rate > 0, "the learning rate must be positive", learning_rate);
  }
};

/// @throws ArgumentError for options out of range or fewer images than a batch.
inline void check_pretraining(const PretrainOptions& options, const data::LabelledImages& images) {
  options.validate();
  if (images.count < options.batch) {
    throw ArgumentError(message("pretrain: ", images.count, " images do not fill a batch of ", options.batch));
  }
}

/// Trains network `number` of a pool on all training images: initial weights and the order of the images are functions
/// of the seed and the number. @throws as `check_pretraining`, DivergenceError if a loss, a gradient, or in the end the
/// weights are not finite.
inline Tensor<float> pretrain(const nn::Network<float>& network, const data::Dataset& dataset,
                              const PretrainOptions& options, Index number, const WorkerTeam& team) {
  const data::LabelledImages& images = dataset.train;
  check_pretraining(options, images);
  Tensor<float> theta = InitialWeights(network, options.initial, options.seed, Stream::pretraining)[number];
  BatchGradient<float, nn::ClassificationLoss<nn::Network<float>>> loss({&network}, team);
  optim::Adam<float> adam;
  Random order_random = random_stream(options.seed, Stream::order, number);
  Tensor<float> gradient;
  const Index batches = images.count / options.batch;
  team.session([&] {
    for (Index epoch = 0; epoch < options.epochs; ++epoch) {
      const std::vector<Index> order = order_random.permutation(images.count);
      for (Index b = 0; b < batches; ++b) {
        const auto batch = std::span(order).subspan(static_cast<std::size_t>(b * options.batch));
        const auto load = [&](Range range, Tensor<float>& x, Tensor<float>& y) {
          const auto which =
              batch.subspan(static_cast<std::size_t>(range.begin), static_cast<std::size_t>(range.size()));
          data::gather(images, which, dataset.normalization, x);
          data::gather_one_hot(images, which, y);
        };
        try {
          loss(theta, options.batch, load, gradient);
        } catch (const DivergenceError& error) {
          throw DivergenceError(message("pretrain: network ", number, ", epoch ", epoch, ": ", error.what()));
        }
        const double decay = optim::cosine_schedule(epoch * batches + b, options.epochs * batches);
        adam.step(theta.values(), gradient.values(), decay * options.learning_rate);
      }
    }
  });
  if (!theta.all_finite()) throw DivergenceError(message("pretrain: the weights of network ", number, " diverged"));
  return theta;
}

}  // namespace hypertape::distill
