#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "hypertape/data/dataset.hpp"
#include "hypertape/distill/hold_out.hpp"
#include "hypertape/distill/initial_weights.hpp"
#include "hypertape/distill/option.hpp"
#include "hypertape/distill/random_purpose.hpp"
#include "hypertape/distill/training_passes.hpp"
#include "hypertape/optim/adam.hpp"
#include "hypertape/optim/schedule.hpp"

namespace hypertape::inline HYPERTAPE_ABI::distill {

/// Options of training a network on real data with Adam.
struct PretrainOptions {
  Index epochs = 10;            ///< passes over the training images
  std::optional<Index> batch;   ///< images per step; by default 128, or all that are not held out if fewer
  double learning_rate = 1e-3;  ///< at first; it follows a half cosine to zero
  WeightDistribution initial;   ///< of the initial weights
  /// Training images that the networks never see, so that whatever uses the networks can validate on them; 0: none.
  /// `seed` draws them; `DistillOptions` with the same hold-out and seed hold out the same images. By default
  /// `default_hold_out`.
  std::optional<Index> hold_out;
  /// In each epoch, repeat the images of each class until all classes have as many as the largest.
  bool balanced = false;
  std::uint64_t seed = 1;  ///< of held-out images, initial weights and the order of images

  /// Fills in the options that depend on the training images. @throws ArgumentError as `validate`, or if fewer images
  /// than a batch remain besides the held-out ones.
  PretrainOptions resolved(const data::LabeledImages& train) const {
    validate();
    PretrainOptions all = *this;
    all.hold_out = hold_out.value_or(default_hold_out(train.count));
    const Index rest = train.count - *all.hold_out;
    all.batch = batch.value_or(std::clamp<Index>(rest, 1, 128));
    if (*all.batch > rest) {
      throw ArgumentError("pretrain: ", train.count, " images, ", *all.hold_out,
                          " of them held out, do not fill a batch of ", *all.batch);
    }
    return all;
  }

  /// Declares the options (distill/option.hpp) that are numbers or have named values.
  template <class Self, class Visit>
  static void for_each_option(Self& self, const Visit& visit) {
    visit.heading("Training");
    visit(self.hold_out,
          {"hold_out",
           "Training images that no network of the pool sees, so that users of the pool can validate on them; 0: "
           "none",
           not_negative, "5000, or a fifth"});
    visit(self.epochs, {"epochs", "Passes over the training images"});
    visit(self.batch, {"batch", "Images per step", positive, "128, or all that are not held out if fewer"});
    visit(self.balanced,
          {"balance", "Whether an epoch repeats the images of each class until it has as many as the largest class"},
          {{"off", false}, {"on", true}});
    visit(self.learning_rate, {"learning_rate", "Initial learning rate of Adam; it follows a half cosine to zero"});
  }

  /// @throws ArgumentError naming the first option that is out of range.
  void validate() const { for_each_option(*this, CheckOptions{"PretrainOptions"}); }
};

namespace detail {

/// The images `which`, class by class. The images of each class are repeated, as evenly as possible, until there are as
/// many as of the largest class.
inline std::vector<Index> repeated(const data::LabeledImages& images, std::span<const Index> which) {
  std::vector<std::vector<Index>> of_class;
  std::size_t most = 0;
  for (int k = 0; k < images.classes; ++k) {
    of_class.push_back(data::indices_of_class(images, which, k));
    most = (std::max)(most, of_class.back().size());
  }
  std::vector<Index> all;
  for (const std::vector<Index>& own : of_class) {
    for (std::size_t i = 0; i < most && !own.empty(); ++i) all.push_back(own[i % own.size()]);
  }
  return all;
}

}  // namespace detail

/// Trains network `number` of a pool on the training images that are not held out. Initial weights and the order of
/// images are functions of the seed and the number. @throws as `PretrainOptions::resolved` and `check_dataset`;
/// DivergenceError if a loss, a gradient, or the final weights are not finite.
inline Tensor<float> pretrain(const nn::Network<float>& network, const data::Dataset& dataset,
                              const PretrainOptions& given, Index number, const WorkerTeam& team) {
  data::check_dataset(dataset, "pretrain");
  const data::LabeledImages& images = dataset.train;
  const PretrainOptions options = given.resolved(images);
  std::vector<Index> seen = hold_out(images, *options.hold_out, options.seed).train;
  if (options.balanced) seen = detail::repeated(images, seen);
  Tensor<float> theta = InitialWeights(network, options.initial, options.seed, RandomPurpose::pretraining)[number];
  const TrainingPasses passes{static_cast<Index>(seen.size()), *options.batch, options.epochs, true};
  const auto load = [&](const BatchPart& part, Tensor<float>& x, Tensor<float>& y) {
    std::vector<Index> which;
    for (const Index place : part.which) which.push_back(seen[static_cast<std::size_t>(place)]);
    data::gather(images, which, dataset.normalization, x);
    data::gather_one_hot(images, which, y);
  };
  const auto rate = [&](Index pass, Index step) {
    const Index steps = passes.steps();
    return options.learning_rate * optim::cosine_schedule(pass * steps + step, options.epochs * steps);
  };
  try {
    passes.train(network, theta, load, optim::Optimizer<float>(optim::Adam{}), rate,
                 random_stream(options.seed, RandomPurpose::order, number), team);
  } catch (const DivergenceError& error) {
    throw DivergenceError("pretrain: network ", number, ": ", error.what());
  }
  return theta;
}

}  // namespace hypertape::inline HYPERTAPE_ABI::distill
