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

/// Options of training on the distilled images.
struct InnerLoopOptions {
  Index steps = 1;                                   ///< steps per epoch; in an ordered set each has its own images
  Index epochs = 3;                                  ///< passes over these steps
  bool unordered = false;                            ///< the set has no order: each step draws a batch from all images
  std::optional<Index> batch = {};                   ///< images per step of an unordered set; by default all
  optim::Rule<float> rule = {};                      ///< update rule of the steps
  std::optional<double> initial_learning_rate = {};  ///< by default 0.2, or the rates of the set to start from
  double rates_learning_rate = 0.02;                 ///< of Adam on the raw learning rates; 0 keeps the rates fixed
  Schedule schedule = Schedule::store_all();  ///< what is stored of the steps; a memory budget covers all threads

  /// The initial learning rate of every step, unless a set to start from gives others.
  double first_learning_rate() const { return initial_learning_rate.value_or(0.2); }
  /// The total number of steps.
  Index length() const { return steps * epochs; }
};

/// Options of the distilled images.
struct ImageOptions {
  Index per_class = 1;          ///< per step; in an unordered set in total
  double initial_noise = 0.3;   ///< standard deviation of initial noise, in normalized space
  Start start = Start::noise;   ///< initial images: noise, random real images, or k-means prototypes
  bool clamp = false;           ///< keep pixels in their valid range
  double learning_rate = 0.02;  ///< of Adam
};

/// Options of the distilled images' labels.
struct LabelOptions {
  bool soft = false;            ///< learn the labels too
  bool clamp = false;           ///< keep soft labels probabilities
  double learning_rate = 0.02;  ///< of Adam on soft labels
};

/// Options of the real images that give the outer loss.
struct RealImageOptions {
  std::optional<Index> batch = {};    ///< per network; by default 256, or all that are not held out if fewer
  std::optional<bool> balanced = {};  ///< give each class the same number of images in a batch and the same weight in
                                      ///< the score; by default if `unequal_classes`
};

/// How an outer step obtains the loss on real images that it lowers.
enum class OuterStepKind {
  unroll,  ///< train networks on the distilled images, and differentiate through their training
  ridge,   ///< solve a ridge regression on the features that a pool's networks extract from the distilled images
};

/// Options of the outer steps, which learn images, labels and learning rates.
struct OuterLoopOptions {
  OuterStepKind step = OuterStepKind::unroll;  ///< `ridge` uses one pool network per step, learns no learning rates,
                                               ///< and excludes windows and certificates
  long iterations = 12000;                     ///< number of outer steps
  Index networks = 4;                          ///< initial weights per outer step, if there are several
  std::optional<long> halve_every = {};        ///< halving interval of Adam's rates; by default a half cosine to zero
  std::optional<double> clip = 0.5;            ///< largest norm of the hypergradient
  std::optional<double> clip_average = {};     ///< largest multiple of the moving average of that norm
  double clip_memory = 0.99;                   ///< weight of the past in that average
  bool clip_each = false;                      ///< clip the gradients of images, labels and rates separately
  double average = 0;  ///< weight of the past in an exponential average of the learned values, which is scored and kept
                       ///< in their place; 0: none
  std::optional<Index> window = {};        ///< back-propagate through this many steps only; by default through all
  bool random_windows = false;             ///< end the window, and the inner loop, at a random step
  bool skip_diverged = false;              ///< skip a step in which a network diverges instead of stopping
  std::optional<long> certify_every = {};  ///< iterations between certificates of the hypergradient; by default none
};

/// Options of ridge regression and its pool of networks, which extract the features. Each outer step uses one of them,
/// and then trains it on the distilled images by one step of Adam on the squared loss (nn/squared_loss.hpp).
struct RidgeOptions {
  Index pool_networks = 10;          ///< networks in the pool
  Index pool_steps = 100;            ///< steps after which a network is replaced by a newly initialized one
  double pool_learning_rate = 3e-4;  ///< of Adam on the networks' weights
  double regularizer = 1e-6;         ///< multiple of the trace of the distilled images' kernel (`ridge_weights`)
};

/// Options of validation, which chooses the best state.
struct ValidationOptions {
  std::optional<Index> hold_out = {};  ///< training images held out for validation; by default `default_hold_out`
  std::optional<std::uint64_t> hold_out_seed = {};  ///< draws the held-out images; by default the run's seed; for a
                                                    ///< pool its own, as its networks must not have seen these images
  Index networks = 8;                               ///< initial weights per score, if there are several
  long evaluate_every = 100;                        ///< iterations between scores
};

/// Options of distillation. The defaults are those of the tool; docs/distillation.md says how they were found.
struct DistillOptions {
  Objective objective = {};            ///< what training on the images should achieve
  Initialization initialization = {};  ///< initial weights of the networks
  InnerLoopOptions inner_loop = {};    ///< training on the distilled images
  ImageOptions images = {};            ///< the distilled images
  LabelOptions labels = {};            ///< their labels
  RealImageOptions real = {};          ///< the real images
  data::Augmentation augmentation{};   ///< of distilled images in inner steps, and of real images
  OuterLoopOptions outer_loop = {};    ///< the steps that learn
  RidgeOptions ridge = {};             ///< outer steps by ridge regression
  ValidationOptions validation = {};   ///< the choice of the best state
  std::uint64_t seed = 1;              ///< of everything random

  /// Declares the options (distill/option.hpp) that are numbers, flags, named values or text.
  template <class Self, class Visit>
  static void for_each_option(Self& self, const Visit& visit) {
    auto& [objective, initialization, inner, images, labels, real, augmentation, outer, ridge, validation, seed] = self;
    visit.heading("Inner loop");
    visit(inner.steps, {"steps", "Inner steps per epoch, each with its own images unless --unordered"});
    visit(inner.epochs, {"epochs", "Passes over these steps"});
    visit(inner.unordered,
          {"unordered", "Learn a set without an order: each step draws a batch from all images, at one learning rate"});
    visit(inner.batch, {"inner_batch", "With --unordered: images per step, balanced over classes", positive, "all"});
    visit(inner.rule,
          {.name = "inner_optimizer",
           .help = "Update rule of the inner steps: sgd, nesterov, adam, adamw, rmsprop or centered-rmsprop, with "
                   "coefficients as in sgd:momentum=0.9 or adam:beta1=0.5,beta2=0.9"},
          TextForm<optim::Rule<float>>{[](const auto& value) { return optim::text_of(value); },
                                       [](const auto& text) { return optim::rule_from_text<float>(text); }});
    visit(inner.initial_learning_rate, {"initial_learning_rate", "Initial learning rate of each inner step", positive,
                                        "0.2, or the rates of --start-from"});
    visit(inner.rates_learning_rate,
          {"rates_learning_rate", "Learning rate of the outer Adam for the inner learning rates; 0 keeps them fixed",
           not_negative});
    visit(inner.schedule,
          {.name = "memory",
           .help = "What to store of the inner steps; less takes more time: all, recompute (only the weights before "
                   "each step), checkpoints[:K] (before every K-th), binomial:C (C checkpoints), or an amount such as "
                   "450MB, for the fastest that fits",
           .affects_results = false},
          TextForm<Schedule>{text_of, schedule_from_text});
    visit.heading("Distilled images");
    visit(images.per_class, {"images_per_class", "Distilled images of each class per step; with --unordered in total"});
    visit(images.initial_noise, {"initial_noise", "With --start noise: its standard deviation"});
    visit(images.start,
          {"start",
           "Initial images: noise, random real images, or the real images nearest to the centroids of each class's "
           "clusters"},
          {{"noise", Start::noise}, {"real", Start::real}, {"k-means", Start::kmeans}});
    visit(images.clamp, {"clamp_images", "Keep pixels in their valid range"});
    visit(images.learning_rate, {"learning_rate", "Learning rate of the outer Adam for the images"});
    visit(labels.soft, {"soft_labels", "Learn the labels too"});
    visit(labels.clamp, {"clamp_labels", "Keep soft labels probabilities, so that training longer on them works too"});
    visit(labels.learning_rate, {"labels_learning_rate", "Learning rate of the outer Adam for soft labels"});
    visit.heading("Real images");
    visit(real.batch, {"batch", "Real images in the outer loss of each network", positive,
                       "256, or all that are not held out if fewer"});
    visit(real.balanced,
          {"balance",
           "Whether a batch has equally many real images of each class, and classes weigh the same in the choice of "
           "the best state (auto: if some class has more than twice as many images as another)"},
          {{"auto", std::nullopt}, {"on", true}, {"off", false}});
    visit(augmentation,
          {.name = "augment",
           .help = "Random variations of real images, and of distilled images in inner steps: none, or a list of "
                   "flip, crop=PIXELS, scale=FACTOR, rotate=DEGREES, brightness=VALUE and cutout=SHARE, as in "
                   "flip,crop=4"},
          TextForm<data::Augmentation>{data::text_of, data::augmentation_from_text});
    visit.heading("Outer loop");
    visit(outer.step,
          {"outer_step",
           "What gives the loss on real images: networks trained on the distilled images, with derivatives through the "
           "training (unroll), or ridge regression on the features that a pool of networks extracts from them "
           "(ridge; needs --unordered and --init random)"},
          {{"unroll", OuterStepKind::unroll}, {"ridge", OuterStepKind::ridge}});
    visit(outer.iterations, {"iterations", "Number of outer steps"});
    visit(outer.networks, {"networks", "Networks per outer step, unless the initialization is fixed"});
    visit(outer.halve_every,
          {"halve_every",
           "Halve the outer learning rates every N iterations, as in the paper; 0: follow a half cosine to zero",
           positive_or_none});
    visit(outer.clip, {"clip", "Clip the hypergradient to this norm; 0: no limit", positive_or_none});
    visit(outer.clip_average,
          {"clip_average", "Clip the hypergradient to this multiple of its norm's moving average; 0: no limit",
           positive_or_none});
    visit(outer.clip_memory, {"clip_memory", "Weight of the past in that moving average", {0, 0.999999}});
    visit(outer.clip_each, {"clip_each", "Clip the gradients of images, labels and learning rates separately"});
    visit(outer.average,
          {"average",
           "Weight of the past in an exponential average of the learned values, which is scored and kept in their "
           "place; 0: none",
           {0, 0.999999}});
    visit(outer.window,
          {"window", "Back-propagate through the last N inner steps only; 0: through all", positive_or_none});
    visit(outer.random_windows, {"random_windows", "End the window, and the inner loop, at a random step"});
    visit(outer.skip_diverged,
          {"skip_diverged",
           "Skip an outer step in which a network diverges instead of stopping, and count networks that diverge in a "
           "test as always wrong; the summary counts both"});
    visit(outer.certify_every,
          {.name = "certify",
           .help = "Check the hypergradient every N iterations against a tangent pass through training, and log the "
                   "difference; 0: never",
           .bounds = positive_or_none,
           .affects_results = false});
    visit.heading("Ridge regression (--outer-step ridge)");
    visit(ridge.pool_networks, {"pool_networks", "Networks in the pool; each outer step uses the features of one"});
    visit(ridge.pool_steps,
          {"pool_steps",
           "Training steps of a network, one after each outer step that uses it; then a new network replaces it"});
    visit(ridge.pool_learning_rate, {"pool_learning_rate", "Learning rate of Adam for these networks"});
    visit(ridge.regularizer,
          {"regularizer", "Ridge penalty, as a multiple of the trace of the distilled images' kernel", {1e-12, 1e3}});
    visit.heading("Choice of the best state");
    visit(validation.hold_out,
          {"hold_out",
           "Training images held out to choose the best state; with a pool, images that its networks have not seen",
           positive, "5000, or a fifth"});
    visit(validation.networks,
          {"validation_networks", "Networks to choose it with, unless the initialization is fixed"});
    visit(validation.evaluate_every, {"evaluate_every", "Iterations between evaluations"});
  }

  /// Fills in the options that depend on the training images or on other options. @throws ArgumentError as `validate`,
  /// or if there are too few images for the hold-out and one batch.
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
        throw ArgumentError("distill: inner steps cannot draw batches of ", *all.inner_loop.batch, " of ", count,
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

  /// @throws ArgumentError naming the first option that is out of range or conflicts with others.
  void validate() const {
    for_each_option(*this, CheckOptions{"DistillOptions"});
    const auto refuse = [](const auto&... parts) { throw ArgumentError("DistillOptions: ", parts...); };
    if (inner_loop.epochs > most_inner_steps / inner_loop.steps) {
      refuse("epochs: steps times epochs must be at most ", most_inner_steps, " inner steps, got ", inner_loop.steps,
             " times ", inner_loop.epochs);
    }
    if (inner_loop.batch && !inner_loop.unordered) {
      refuse("inner_batch goes with unordered: each step of an ordered set has its own images");
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
      refuse("certify needs derivatives through all steps, so it excludes window");
    }
    if (outer_loop.step == OuterStepKind::unroll) return;
    if (!inner_loop.unordered) refuse("outer_step ridge goes with unordered: a regression uses all images at once");
    if (outer_loop.window) refuse("window goes with outer_step unroll, got ", *outer_loop.window);
    if (outer_loop.certify_every) refuse("certify goes with outer_step unroll, got ", *outer_loop.certify_every);
  }
};

}  // namespace hypertape::inline HYPERTAPE_ABI::distill
