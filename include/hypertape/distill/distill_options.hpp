#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "hypertape/core/error.hpp"
#include "hypertape/data/augment.hpp"
#include "hypertape/distill/batches.hpp"
#include "hypertape/distill/distilled_set.hpp"
#include "hypertape/distill/hold_out.hpp"
#include "hypertape/distill/initial_images.hpp"
#include "hypertape/distill/initial_weights.hpp"
#include "hypertape/distill/memory_option.hpp"
#include "hypertape/distill/objective.hpp"
#include "hypertape/distill/option.hpp"

namespace hypertape::inline HYPERTAPE_ABI::distill {

/// Training on the distilled images, and its learning rates.
struct InnerLoopOptions {
  Index steps = 1;                                   ///< of one epoch; of an ordered set each with images of its own
  Index epochs = 3;                                  ///< times that the steps are repeated
  bool unordered = false;                            ///< the set has no order: each step draws a batch of all images
  std::optional<Index> batch = {};                   ///< images of a step, without an order; without: all
  optim::Rule<float> rule = {};                      ///< of the steps
  std::optional<double> initial_learning_rate = {};  ///< of every step; without: 0.2, or what a set that it goes on
                                                     ///< from has
  double rates_learning_rate = 0.02;          ///< of Adam, for the raw learning rates; 0 leaves them as they start
  Schedule schedule = Schedule::store_all();  ///< what is kept of the steps; a budget is for all threads together

  /// Of every step, unless the set that it goes on from has others.
  double first_learning_rate() const { return initial_learning_rate.value_or(0.2); }
  /// Steps in all.
  Index length() const { return steps * epochs; }
};

/// The distilled images.
struct ImageOptions {
  Index per_class = 1;          ///< in each step, without an order in all
  double initial_noise = 0.3;   ///< standard deviation of the images that it starts from, in normalized space
  Start start = Start::noise;   ///< what the images are first: noise, random real ones, or the central ones of k-means
  bool clamp = false;           ///< keep images in the range of pixels
  double learning_rate = 0.02;  ///< of Adam
};

/// The labels of the distilled images.
struct LabelOptions {
  bool soft = false;            ///< learn the labels too
  bool clamp = false;           ///< keep soft labels probabilities
  double learning_rate = 0.02;  ///< of Adam, for soft labels
};

/// The real images that outer steps are tested with.
struct RealImageOptions {
  std::optional<Index> batch = {};    ///< for each network; without: 256, or all that are not held out if fewer
  std::optional<bool> balanced = {};  ///< batches have as many images of each class, and each counts as much in the
                                      ///< score; without: if `unequal_classes` says so
};

/// Whose loss on real images an outer step lowers.
enum class OuterStepKind {
  unroll,  ///< of networks trained on the distilled images, differentiated through their training
  ridge,   ///< of a ridge regression upon the features that networks of a pool have of the distilled images
};

/// The steps that learn images, labels and learning rates.
struct OuterLoopOptions {
  OuterStepKind step = OuterStepKind::unroll;  ///< `ridge` takes one network of its pool, refuses windows and
                                               ///< certificates, and learns no learning rates
  long iterations = 12000;                     ///< outer steps
  Index networks = 4;                          ///< initial weights of one outer step, where there are several
  std::optional<long> halve_every = {};     ///< iterations that halve Adam's rates; without: half a cosine down to zero
  std::optional<double> clip = 0.5;         ///< largest norm of the hypergradient
  std::optional<double> clip_average = {};  ///< largest multiple of the moving average of that norm
  double clip_memory = 0.99;                ///< weight of the past in that average
  bool clip_each = false;                   ///< bound images, labels and learning rates each by themselves
  double average = 0;                       ///< weight of the past in an exponential average of what is learned, which
                                            ///< is scored and kept in its place; 0: none
  std::optional<Index> window = {};         ///< truncated back-propagation through so many steps; without: through all
  bool random_windows = false;              ///< the window ends at a random step, and so does the inner loop
  bool skip_diverged = false;               ///< leave out a step in which a network diverges, instead of stopping
  std::optional<long> certify_every = {};   ///< iterations between certificates of the hypergradient; without: none
};

/// The ridge regression of outer steps, and the pool of networks whose features it takes. Each outer step takes one of
/// them, which is then trained on the distilled images by one step of Adam along the squared loss
/// (nn/squared_loss.hpp).
struct RidgeOptions {
  Index pool_networks = 10;          ///< networks at a time
  Index pool_steps = 100;            ///< of a network, before another with new weights takes its place
  double pool_learning_rate = 3e-4;  ///< of Adam, for the networks
  double regularizer = 1e-6;         ///< multiple of the trace of the distilled images' kernel (`ridge_weights`)
};

/// The choice of the best state.
struct ValidationOptions {
  std::optional<Index> hold_out = {};  ///< training images kept back to choose with; without: `default_hold_out`
  std::optional<std::uint64_t> hold_out_seed = {};  ///< draws these; without: the run's. A pool's, of networks that
                                                    ///< must not have seen them
  Index networks = 8;                               ///< initial weights to score with, where there are several
  long evaluate_every = 100;                        ///< iterations between scores
};

/// How to distil; the defaults are those of the tool (docs/distillation.md says how they were found).
struct DistillOptions {
  Objective objective = {};            ///< what training on the images is for
  Initialization initialization = {};  ///< which weights networks start from
  InnerLoopOptions inner_loop = {};    ///< gradient descent on the distilled images
  ImageOptions images = {};            ///< the distilled images
  LabelOptions labels = {};            ///< their labels
  RealImageOptions real = {};          ///< the real images
  data::Augmentation augmentation{};   ///< of distilled images in inner steps, and of real ones
  OuterLoopOptions outer_loop = {};    ///< the steps that learn
  RidgeOptions ridge = {};             ///< of outer steps by ridge regression
  ValidationOptions validation = {};   ///< the choice of the best state
  std::uint64_t seed = 1;              ///< of everything random

  /// Declares the options (distill/option.hpp) that are numbers, flags or have names for their values.
  template <class Self, class Visit>
  static void for_each_option(Self& self, const Visit& visit) {
    auto& [objective, initialization, inner, images, labels, real, augmentation, outer, ridge, validation, seed] = self;
    visit.heading("Inner loop");
    visit(inner.steps, {"steps", "Gradient steps of one epoch, each with images of its own unless --unordered"});
    visit(inner.epochs, {"epochs", "Times that the steps are repeated"});
    visit(inner.unordered,
          {"unordered", "One set of images without an order, of which each step draws a batch, at one learning rate"});
    visit(inner.batch, {"inner_batch", "Of --unordered: images that a step draws, of each class as many or one more",
                        positive, "all"});
    visit(inner.rule,
          {.name = "inner_optimizer",
           .help = "Update rule of the inner steps: sgd, nesterov, adam, adamw, rmsprop or centered-rmsprop, with "
                   "coefficients as in sgd:momentum=0.9 or adam:beta1=0.5,beta2=0.9"},
          TextForm<optim::Rule<float>>{[](const auto& value) { return optim::text_of(value); },
                                       [](const auto& text) { return optim::rule_from_text<float>(text); }});
    visit(inner.initial_learning_rate, {"initial_learning_rate", "Of each inner step, before it is learned", positive,
                                        "0.2, or those of --start-from"});
    visit(inner.rates_learning_rate,
          {"rates_learning_rate", "Of the outer Adam, for the learning rates; 0 leaves them as they start",
           not_negative});
    visit(
        inner.schedule,
        {.name = "memory",
         .help = "What is kept of the inner steps, for less memory and more time: all, recompute (the weights before "
                 "each), checkpoints[:K] (before every K-th), binomial:C (C checkpoints), or the fastest that fits an "
                 "amount such as 450MB",
         .affects_results = false},
        TextForm<Schedule>{text_of, schedule_from_text});
    visit.heading("Distilled images");
    visit(images.per_class, {"images_per_class", "Distilled images of a class, in each step; of --unordered in all"});
    visit(images.initial_noise, {"initial_noise", "Of --start noise: its standard deviation"});
    visit(
        images.start,
        {"start",
         "What the images are first: noise, random real images, or of each class's clusters by k-means the real image "
         "nearest to the centroid"},
        {{"noise", Start::noise}, {"real", Start::real}, {"k-means", Start::kmeans}});
    visit(images.clamp, {"clamp_images", "Keep the images in the range of pixels"});
    visit(images.learning_rate, {"learning_rate", "Of the outer Adam, for the images"});
    visit(labels.soft, {"soft_labels", "Learn the labels too"});
    visit(labels.clamp, {"clamp_labels", "Keep soft labels probabilities, for training of any length"});
    visit(labels.learning_rate, {"labels_learning_rate", "Of the outer Adam, for soft labels"});
    visit.heading("Real images");
    visit(real.batch, {"batch", "Real images that each network of an outer step is tested with", positive,
                       "256, or all that are not held out"});
    visit(real.balanced,
          {"balance",
           "Whether a batch has as many real images of each class, and each class counts as much in the choice of the "
           "best state (auto: if one has more than twice the images of another)"},
          {{"auto", std::nullopt}, {"on", true}, {"off", false}});
    visit(augmentation,
          {.name = "augment",
           .help = "Vary images at random, the real ones and in inner steps the distilled ones: none, or a list of "
                   "flip, crop=PIXELS, scale=FACTOR, rotate=DEGREES, brightness=VALUE and cutout=SHARE, as in "
                   "flip,crop=4"},
          TextForm<data::Augmentation>{data::text_of, data::augmentation_from_text});
    visit.heading("Outer loop");
    visit(outer.step,
          {"outer_step",
           "Whose loss on real images an outer step lowers: that of networks trained on the distilled images, "
           "differentiated through their training (unroll), or of a ridge regression upon the features that a pool of "
           "networks has of them (ridge; with --unordered and --init random)"},
          {{"unroll", OuterStepKind::unroll}, {"ridge", OuterStepKind::ridge}});
    visit(outer.iterations, {"iterations", "Outer steps"});
    visit(outer.networks, {"networks", "Initial weights of one outer step, where there are several"});
    visit(outer.halve_every,
          {"halve_every",
           "Iterations after which the outer learning rates are halved, as in the paper; 0: half a cosine down to zero",
           positive_or_none});
    visit(outer.clip, {"clip", "Largest norm of the hypergradient; 0: no limit", positive_or_none});
    visit(outer.clip_average,
          {"clip_average", "Largest multiple of the moving average of that norm; 0: no limit", positive_or_none});
    visit(outer.clip_memory, {"clip_memory", "Weight of the past in that moving average", {0, 0.999999}});
    visit(outer.clip_each, {"clip_each", "Bound the norms for images, labels and learning rates each by itself"});
    visit(outer.average,
          {"average",
           "Weight of the past in an exponential average of what is learned, which is scored and kept in its place; "
           "0: none",
           {0, 0.999999}});
    visit(outer.window, {"window", "Derivatives go back through so many steps only; 0: through all", positive_or_none});
    visit(outer.random_windows, {"random_windows", "The window, and the inner loop, end at a random step"});
    visit(outer.skip_diverged,
          {"skip_diverged",
           "Leave out an outer step in which a network diverges, instead of stopping, and count one that does so in a "
           "test as getting nothing right; the summary counts both"});
    visit(outer.certify_every,
          {.name = "certify",
           .help = "Check the hypergradient of every so many iterations by a tangent through training, and log how far "
                   "off it is; 0: never",
           .bounds = positive_or_none,
           .affects_results = false});
    visit.heading("Ridge regression (--outer-step ridge)");
    visit(ridge.pool_networks, {"pool_networks", "Networks whose features it takes, one in each outer step"});
    visit(ridge.pool_steps,
          {"pool_steps",
           "Steps on the distilled images, one after each outer step that takes it, after which a network is replaced "
           "by a new one"});
    visit(ridge.pool_learning_rate, {"pool_learning_rate", "Of Adam, for these networks"});
    visit(ridge.regularizer, {"regularizer",
                              "Of the squared weights, as a multiple of the trace of the distilled images' kernel",
                              {1e-12, 1e3}});
    visit.heading("Choice of the best state");
    visit(validation.hold_out,
          {"hold_out",
           "Training images kept back to choose the best state, for networks of a pool those that it has not seen",
           positive, "5000, or a fifth"});
    visit(validation.networks, {"validation_networks", "Initial weights to choose it with, where there are several"});
    visit(validation.evaluate_every, {"evaluate_every", "Iterations between evaluations"});
  }

  /// The same with what depends on the training images, or on other options, in place of nothing.
  /// @throws ArgumentError as `validate`, or if there are too few images for the hold-out and one batch.
  DistillOptions resolved(const data::LabeledImages& train) const {
    validate();
    DistillOptions all = *this;
    const Index held_out = validation.hold_out.value_or(default_hold_out(train.count));
    all.validation.hold_out = held_out;
    all.validation.hold_out_seed = validation.hold_out_seed.value_or(seed);
    if (inner_loop.unordered) {
      const Index count = images.per_class * train.classes;
      all.inner_loop.batch = inner_loop.batch.value_or(count);
      if (*all.inner_loop.batch > count) {
        throw ArgumentError("distill: inner steps cannot draw ", *all.inner_loop.batch, " of ", count,
                            " distilled images");
      }
    }
    all.real.balanced = real.balanced.has_value() ? *real.balanced : unequal_classes(train);
    all.real.batch = real.batch.value_or(std::clamp<Index>(train.count - held_out, 1, 256));
    if (*all.real.batch > train.count - held_out) {
      throw ArgumentError("distill: the training set of ", train.count, " images is too small for a hold-out of ",
                          held_out, " and a batch of ", *all.real.batch);
    }
    return all;
  }

  /// @throws ArgumentError naming the first option that is out of its bounds, or does not go with the others.
  void validate() const {
    for_each_option(*this, CheckOptions{"DistillOptions"});
    const auto refuse = [](const auto&... parts) { throw ArgumentError("DistillOptions: ", parts...); };
    if (inner_loop.epochs > most_inner_steps / inner_loop.steps) {
      refuse("epochs: at most ", most_inner_steps, " inner steps are possible, steps times epochs, got ",
             inner_loop.steps, " times ", inner_loop.epochs);
    }
    if (inner_loop.batch && !inner_loop.unordered) {
      refuse("inner_batch goes with unordered: the steps of an ordered set have images of their own");
    }
    if (labels.clamp && !labels.soft) refuse("clamp_labels goes with soft_labels");
    inner_loop.rule.validate();
    augmentation.validate();
    const Index length = inner_loop.length(), window = outer_loop.window.value_or(length);
    if (window > length) refuse("the window must be within the inner loop of ", length, " steps, got ", window);
    if (outer_loop.random_windows && window == length) {
      refuse("random_windows needs a window shorter than the loop of ", length, " steps");
    }
    if (outer_loop.certify_every && outer_loop.window) {
      refuse("certify needs derivatives through all steps, and goes without a window");
    }
    if (outer_loop.step == OuterStepKind::unroll) return;
    if (!inner_loop.unordered) refuse("outer_step ridge goes with unordered: a regression has no order of images");
    if (outer_loop.window) refuse("window goes with outer_step unroll, got ", *outer_loop.window);
    if (outer_loop.certify_every) refuse("certify goes with outer_step unroll, got ", *outer_loop.certify_every);
  }
};

}  // namespace hypertape::inline HYPERTAPE_ABI::distill
