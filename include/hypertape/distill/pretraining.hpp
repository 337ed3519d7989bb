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

/// How to train a network on real data by Adam.
struct PretrainOptions {
  Index epochs = 10;            ///< passes over the training images
  std::optional<Index> batch;   ///< images of a step; without: 128, or all that are not held out if these are fewer
  double learning_rate = 1e-3;  ///< follows half a cosine down to zero
  WeightDistribution initial;   ///< how weights start
  /// Training images that the networks never see, so that whatever uses them can choose with these; 0: none. Drawn by
  /// `seed`, those of `DistillOptions` with the same two numbers. Without: `default_hold_out`.
  std::optional<Index> hold_out;
  /// In an epoch the images of each class are repeated until it has as many as the class that has the most.
  bool balanced = false;
  std::uint64_t seed = 1;  ///< of held-out images, initial weights and the order of images

  /// The same with what depends on the training images in place of nothing. @throws ArgumentError as `validate`, or if
  /// the images that are not held out do not fill a batch.
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

  /// Declares the options (distill/option.hpp) that are numbers.
  template <class Self, class Visit>
  static void for_each_option(Self& self, const Visit& visit) {
    visit.heading("Training");
    visit(self.hold_out,
          {"hold_out",
           "Training images that no network of the pool sees, so that whatever uses it can choose with them; 0: "
           "none",
           not_negative, "5000, or a fifth"});
    visit(self.epochs, {"epochs", "Passes over the training images"});
    visit(self.batch, {"batch", "Images of one step", positive, "128, or all that are not held out"});
    visit(self.balanced,
          {"balance",
           "Whether an epoch repeats the images of each class until it has as many as the class that has the most"},
          {{"off", false}, {"on", true}});
    visit(self.learning_rate, {"learning_rate", "Of Adam; falls to zero along half a cosine"});
  }

  /// @throws ArgumentError naming the first option that is out of its bounds.
  void validate() const { for_each_option(*this, CheckOptions{"PretrainOptions"}); }
};

namespace detail {

/// The images `which`, class by class, those of each class repeated, as evenly as can be, until there are as many as of
/// the class that has the most.
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

/// Trains network `number` of a pool on the training images that are not held out: initial weights and the order of the
/// images are functions of the seed and the number. @throws as `PretrainOptions::resolved` and `check_dataset`,
/// DivergenceError if a loss, a gradient, or in the end the weights are not finite.
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
