#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "hypertape/core/error.hpp"
#include "hypertape/data/augment.hpp"
#include "hypertape/distill/hold_out.hpp"
#include "hypertape/distill/objective.hpp"
#include "hypertape/distill/real_batches.hpp"
#include "hypertape/unroll/unroll_options.hpp"

namespace hypertape::distill {

/// No inner loop may have more steps.
inline constexpr Index most_inner_steps = 100000;

/// How to distil; the defaults are those of the tool (docs/distillation.md says how they were found).
struct DistillOptions {
  Objective objective;         ///< what training on the images is for
  Index steps = 1;             ///< gradient steps of one epoch, each with images of its own
  Index epochs = 3;            ///< times that the steps are repeated
  Index images_per_class = 1;  ///< in each step
  bool soft_labels = false;    ///< learn the labels too
  double momentum = 0;         ///< of the inner steps

  long iterations = 12000;      ///< outer steps
  std::optional<Index> batch;   ///< real images that each network of an outer step is tested with; without: 256, or all
                                ///< that are not held out if these are fewer
  Index networks = 4;           ///< initial weights of one outer step, where there are several
  double learning_rate = 0.02;  ///< of Adam, for the images
  double rates_learning_rate = 0.02;   ///< of Adam, for the raw learning rates; 0 leaves them as they start
  double labels_learning_rate = 0.02;  ///< of Adam, for soft labels
  long halve_every = 0;                ///< iterations after which these three are halved; 0: half a cosine down to zero
  double initial_learning_rate = 0.2;  ///< of every inner step
  double initial_noise = 0.3;          ///< standard deviation of the images that it starts from, in normalized space
  bool from_real_images = false;       ///< start from random real images instead
  bool clamp_images = false;           ///< keep images in the range of pixels
  double clip = 0.5;                   ///< largest norm of the hypergradient; 0: no limit
  double clip_average = 0;             ///< largest multiple of the moving average of that norm; 0: no limit
  Index window = 0;                    ///< truncated back-propagation through so many steps; 0: through all
  bool random_windows = false;         ///< the window ends at a random step, and so does the inner loop
  data::Augmentation augmentation;     ///< of the real images
  bool skip_diverged = false;          ///< leave out an outer step in which a network diverges, instead of stopping
  std::optional<bool> balanced;        ///< batches have as many images of each class, and each counts as much in the
                                       ///< score; without: if `unequal_classes` says so
  std::optional<Index> hold_out;       ///< training images kept back to choose with; without: `default_hold_out`
  std::optional<std::uint64_t> hold_out_seed;  ///< draws these; without: `seed`. A pool's, of networks that must not
                                               ///< have seen them
  Index validation_networks = 8;               ///< initial weights to score with, where there are several
  std::uint64_t seed = 1;                      ///< of everything random
  MemoryPolicy memory_policy = MemoryPolicy::store_all;  ///< what is kept of the inner loop

  /// The same with what depends on the training images, or on other options, in place of nothing.
  /// @throws ArgumentError as `validate`, or if there are too few images for the hold-out and one batch.
  DistillOptions resolved(const data::LabeledImages& train) const {
    validate();
    DistillOptions all = *this;
    all.hold_out = hold_out.value_or(default_hold_out(train.count));
    all.hold_out_seed = hold_out_seed.value_or(seed);
    all.balanced = balanced.has_value() ? *balanced : unequal_classes(train);
    all.batch = batch.value_or(std::clamp<Index>(train.count - *all.hold_out, 1, 256));
    if (*all.batch > train.count - *all.hold_out) {
      throw ArgumentError("distill: the training set of ", train.count, " images is too small for a hold-out of ",
                          *all.hold_out, " and a batch of ", *all.batch);
    }
    return all;
  }

  /// @throws ArgumentError naming the first value that is out of range.
  void validate() const {
    const auto need = [](bool valid, const char* what, auto value) {
      if (!valid) throw ArgumentError("DistillOptions: ", what, ", got ", value);
    };
    need(steps >= 1, "steps must be at least 1", steps);
    need(epochs >= 1, "epochs must be at least 1", epochs);
    need(epochs <= most_inner_steps / steps, "at most 100000 inner steps are possible, steps times epochs", epochs);
    need(images_per_class >= 1, "images per class must be at least 1", images_per_class);
    need(momentum >= 0 && momentum < 1, "momentum must be in [0, 1)", momentum);
    need(iterations >= 1, "iterations must be at least 1", iterations);
    need(batch.value_or(1) >= 1, "batch must be at least 1", batch.value_or(1));
    need(networks >= 1, "networks must be at least 1", networks);
    need(learning_rate > 0, "the learning rate must be positive", learning_rate);
    need(rates_learning_rate >= 0, "the rates' learning rate cannot be negative", rates_learning_rate);
    need(labels_learning_rate > 0, "the labels' learning rate must be positive", labels_learning_rate);
    need(halve_every >= 0, "iterations between halvings cannot be negative", halve_every);
    need(initial_learning_rate > 0, "the initial learning rate must be positive", initial_learning_rate);
    need(initial_noise > 0, "the initial noise must be positive", initial_noise);
    need(clip >= 0, "clip cannot be negative", clip);
    need(clip_average >= 0, "clip at a multiple of the average cannot be negative", clip_average);
    need(window >= 0 && window <= steps * epochs, "the window must be within the inner loop", window);
    need(!random_windows || (window > 0 && window < steps * epochs),
         "random windows need a window shorter than the loop", window);
    need(hold_out.value_or(1) >= 1, "hold-out must be at least 1", hold_out.value_or(1));
    need(validation_networks >= 1, "validation networks must be at least 1", validation_networks);
  }
};

}  // namespace hypertape::distill
