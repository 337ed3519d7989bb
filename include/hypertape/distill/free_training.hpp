#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "hypertape/data/augment.hpp"
#include "hypertape/distill/distilled_set.hpp"
#include "hypertape/distill/option.hpp"
#include "hypertape/distill/random_purpose.hpp"
#include "hypertape/distill/set_variants.hpp"
#include "hypertape/distill/trainer.hpp"
#include "hypertape/distill/training_passes.hpp"
#include "hypertape/distill/training_plan.hpp"
#include "hypertape/nn/network.hpp"
#include "hypertape/optim/known_rules.hpp"
#include "hypertape/optim/optimizer.hpp"

namespace hypertape::inline HYPERTAPE_ABI::distill {

/// How to train on a set's images as on any dataset, regardless of the set's steps, order and learning rates. This
/// protocol and these settings are what results have been compared by since Zhao et al. 2020.
struct FreeTraining {
  optim::Rule<float> rule = optim::rule_from_text<float>("sgd:momentum=0.9,weight_decay=5e-4");  ///< of each step
  double learning_rate = 0.01;                                                                   ///< before the cut
  Index epochs = 300;                ///< passes over the images
  std::optional<Index> cut_at = {};  ///< passes before the learning rate is cut to a tenth; by default half
  Index batch = 256;                 ///< the most images per step
  std::optional<data::Augmentation> augmentation = {};  ///< of the images in each step; by default the set's

  /// Declares the options (distill/option.hpp).
  template <class Self, class Visit>
  static void for_each_option(Self& self, const Visit& visit) {
    visit.heading("Free training (--protocol free)");
    visit(self.rule,
          {.name = "optimizer",
           .help = "Update rule of the steps: sgd, nesterov, adam, adamw, rmsprop or centered-rmsprop, with "
                   "coefficients as in "
                   "adam:beta1=0.5,beta2=0.9",
           .without = "sgd with momentum=0.9 and weight_decay=5e-4"},
          TextForm<optim::Rule<float>>{[](const auto& value) { return optim::text_of(value); },
                                       [](const auto& text) { return optim::rule_from_text<float>(text); }});
    visit(self.learning_rate, {"learning_rate", "Learning rate of each step until it is cut"});
    visit(self.epochs, {"epochs", "Passes over the images"});
    visit(self.cut_at, {"cut_at", "Passes after which to cut the learning rate to a tenth", positive, "half of them"});
    visit(self.batch, {"batch", "Images per step, or all if there are fewer"});
    visit(self.augmentation,
          {.name = "augment",
           .help = "Random variations of the images in each step: set (those of the set), none, or a list as in "
                   "`hypertape distill`"},
          TextForm<std::optional<data::Augmentation>>{
              [](const auto& value) { return value ? data::text_of(*value) : std::string("set"); },
              [](const auto& text) {
                return text == "set" ? std::nullopt : std::optional(data::augmentation_from_text(text));
              }});
  }

  /// @throws ArgumentError naming the first option that is out of range.
  void validate() const {
    for_each_option(*this, CheckOptions{"FreeTraining"});
    rule.validate();
    if (augmentation) augmentation->validate();
  }

  /// Half of the passes, rounded up.
  Index default_cut() const { return (epochs + 1) / 2; }
  /// The learning rate of an epoch.
  double rate_of(Index epoch) const {
    return epoch < cut_at.value_or(default_cut()) ? learning_rate : learning_rate / 10;
  }
};

/// A trainer on the set's images and labels alone; each network takes them in its own random order. Network and set
/// must outlive the trainer.
inline Trainer free_trainer(const nn::Network<float>& network, const DistilledSet& set, const FreeTraining& options,
                            std::uint64_t seed) {
  const auto images = std::make_shared<const std::pair<Tensor<float>, Tensor<float>>>(all_images(set));
  const data::Augmentation augmentation = options.augmentation.value_or(set.augmentation);
  return [&network, images, augmentation, options, seed](const Tensor<float>& theta0, Index number,
                                                         const WorkerTeam& team) {
    const Index count = images->first.shape()[0];
    const TrainingPasses passes{count, (std::min)(options.batch, count), options.epochs};
    const Random order = random_stream(seed, RandomPurpose::test_batches, number);
    const std::uint64_t draws = Random(order).bits();
    const auto load = [&](const BatchPart& part, Tensor<float>& x, Tensor<float>& y) {
      x = data::augment(detail::take_samples(images->first, part.which), augmentation,
                        {draws, static_cast<std::uint64_t>(part.step), part.first});
      y = detail::take_samples(images->second, part.which);
    };
    Tensor<float> theta = theta0;
    const auto rate = [&options](Index epoch, Index) { return options.rate_of(epoch); };
    passes.train(network, theta, load, optim::Optimizer<float>(options.rule), rate, order, team);
    return theta;
  };
}

}  // namespace hypertape::inline HYPERTAPE_ABI::distill
