#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "hypertape/core/communicator.hpp"
#include "hypertape/core/parallel.hpp"
#include "hypertape/data/checksum.hpp"
#include "hypertape/data/dataset.hpp"
#include "hypertape/distill/batch_sampler.hpp"
#include "hypertape/distill/distill_options.hpp"
#include "hypertape/distill/hold_out.hpp"
#include "hypertape/distill/initial_images.hpp"
#include "hypertape/distill/initial_weights.hpp"
#include "hypertape/distill/outer_step.hpp"
#include "hypertape/distill/random_purpose.hpp"
#include "hypertape/distill/ridge_step.hpp"
#include "hypertape/distill/start.hpp"
#include "hypertape/distill/training_state.hpp"
#include "hypertape/distill/unroll_step.hpp"
#include "hypertape/distill/validator.hpp"
#include "hypertape/optim/schedule.hpp"

namespace hypertape::inline HYPERTAPE_ABI::distill {

/// Dataset distillation (Wang et al. 2018, Algorithm 1). Learns images, learning rates and, if soft, labels, so that
/// `epochs` passes of gradient descent over them take initial weights to weights of low loss on real data; or with
/// other outer steps (`OuterStepKind`), so that a regression on them has low loss on real data.
///
/// Everything random is a function of the seed and, if it belongs to one, the iteration. Results do not depend on the
/// number of threads, nor on whether a run was continued from a checkpoint.
class Distiller {
 public:
  /// Distills for the initial weights `training` and scores with the initial weights `validation`. It starts from the
  /// set `start` if there is one (`adapted`). The ranks run the same code and share the work. Dataset and ranks must
  /// outlive the distiller. @throws ArgumentError for options out of range; for a dataset that `check_dataset` rejects,
  /// or without a normalization, or too small for the hold-out and one batch; or for a start that does not fit.
  Distiller(nn::Network<float> network, const data::Dataset& dataset, const DistillOptions& options,
            InitialWeights training, const InitialWeights& validation, WorkerTeam team,
            const std::optional<DistilledSet>& start = std::nullopt, const Communicator& ranks = Communicator::alone())
      : network_(std::move(network)),
        dataset_(dataset),
        options_(checked(options, dataset)),
        team_(std::move(team)),
        ranks_(ranks),
        training_(std::move(training)),
        split_(hold_out(dataset.train, *options_.validation.hold_out, *options_.validation.hold_out_seed)),
        validator_(network_, dataset, split_.held_out, validation.first(options_.validation.networks), options_),
        state_{{start ? adapted(*start, options_, dataset) : first_set(), options_}},
        outer_step_(outer_step()) {
    data_checksum_.add(dataset);
    origin_ = {dataset.name, data_checksum_.value(), dataset.train.classes, dataset.class_names};
    for (const auto* weights : {&training_.given(), &validator_.theta0()}) {
      for (const Tensor<float>& theta : *weights) weights_checksum_.add(theta.values());
    }
    require_same(ranks_, data_checksum_.value(), "images, labels or names of classes");
    require_same(ranks_, weights_checksum_.value(), "initial weights");
  }
  /// Distills for newly drawn weights, as the options say.
  Distiller(const nn::Network<float>& network, const data::Dataset& dataset, const DistillOptions& options,
            const WorkerTeam& team, const Communicator& ranks = Communicator::alone())
      : Distiller(network, dataset, options,
                  initial_weights(network, options.initialization, options.seed, RandomPurpose::theta),
                  initial_weights(network, options.initialization, options.seed, RandomPurpose::validation), team,
                  std::nullopt, ranks) {}
  Distiller(const Distiller&) = delete;
  Distiller& operator=(const Distiller&) = delete;

  /// The options, with values for those that depend on the dataset.
  const DistillOptions& options() const { return options_; }
  /// Outer steps so far.
  long iteration() const { return state_.iteration; }
  /// How many of the iterations so far changed nothing because a network diverged.
  long skipped() const { return state_.skipped; }
  /// The certificate of the last iteration's hypergradient, if one was due.
  const std::optional<Certificate>& certificate() const { return certificate_; }
  /// The best of the states that `evaluate` has scored; the first if several are equal.
  const std::optional<BestState>& best() const { return state_.best; }

  /// Takes one outer step and returns its loss on real images, averaged over its networks; NaN if the step was skipped
  /// because a network diverged. @throws DivergenceError naming the iteration and the inner step if a value is not
  /// finite and such steps are not skipped. What the previous iteration learned is kept.
  double iterate() {
    certificate_.reset();
    double loss = std::numeric_limits<double>::quiet_NaN();
    try {
      loss = named([&] { return take_step(); });
    } catch (const DivergenceError&) {
      if (!options_.outer_loop.skip_diverged) throw;
      ++state_.skipped;
    }
    ++state_.iteration;
    return loss;
  }

  /// Scores the present state in percent on the held-out images (`Validator`), and keeps the state if it is the best so
  /// far. @throws as `iterate`.
  double evaluate() {
    const double score = named([&] { return validator_.score(state_.parameters.result(), team_, ranks_); });
    if (!state_.best || score > state_.best->score) state_.best = {distilled(), score, state_.iteration};
    return score;
  }

  /// A copy of what has been learned, including the initial weights if these are fixed.
  DistilledSet distilled() const {
    DistilledSet set = state_.parameters.result();
    set.origin = origin_;
    if (!options_.initialization.random && training_.count() == 1) set.theta0 = training_[0];
    return set;
  }

  /// The checksum of the initial weights to distill for and to score with, as far as they are given rather than drawn.
  std::int64_t weights_checksum() const { return weights_checksum_.value(); }

  /// Everything that the rest of the run depends on, besides options, dataset and initial weights. It has checksums of
  /// the dataset and the initial weights.
  io::Npz checkpoint() const {
    io::Npz npz;
    npz["data_checksum"] = {{1}, std::vector<std::int64_t>{data_checksum_.value()}};
    npz["weights_checksum"] = {{1}, std::vector<std::int64_t>{weights_checksum_.value()}};
    state_.save(npz);
    outer_step_.save(npz);
    return npz;
  }

  /// Continues from a `checkpoint`. @throws DataError naming the array of `path` that does not fit, or if the run began
  /// with another dataset or other initial weights.
  void restore(const io::Npz& npz, const std::filesystem::path& path) {
    const auto same = [&](const char* name, const data::Checksum& present, const char* what) {
      if (io::require_values<std::int64_t>(npz, path, name, {1})[0] == present.value()) return;
      throw DataError(path.string(), ": the run began with other ", what, " than the present ones");
    };
    same("data_checksum", data_checksum_, "images, labels or names of classes");
    same("weights_checksum", weights_checksum_, "initial weights");
    state_.restore(npz, path, options_.outer_loop.iterations);
    outer_step_.restore(npz, path);
  }

 private:
  static DistillOptions checked(const DistillOptions& given, const data::Dataset& dataset) {
    data::check_dataset(dataset, "distill");
    DistillOptions options = given.resolved(dataset.train);
    data::detail::check_normalization(dataset.train, dataset.normalization, "distill");
    const Index count = dataset.train.count;
    const Index groups = options.inner_loop.unordered ? 1 : options.inner_loop.steps;
    if (options.images.per_class > count / (dataset.train.classes * groups)) {
      throw ArgumentError("distill: ", groups, " steps of ", options.images.per_class, " images for each of ",
                          dataset.train.classes, " classes exceed the ", count, " training images");
    }
    if (options.images.clamp && dataset.normalization.whitening) {
      throw ArgumentError(
          "distill: clamp_images needs images without whitening, as whitened ones have no range of pixels");
    }
    if (options.objective.attack) options.objective.attack->validate(dataset.train.classes);
    return options;
  }

  DistilledSet first_set() const {
    const InnerLoopOptions& inner = options_.inner_loop;
    const data::LabeledImages& real = dataset_.train;
    const data::Normalization& normalization = dataset_.normalization;
    const Index groups = inner.unordered ? 1 : inner.steps, per_class = options_.images.per_class;
    const Random random = random_stream(options_.seed, RandomPurpose::images);
    DistilledSet set;
    switch (options_.images.start) {
      case Start::noise:
        set.images = noise_images(real, groups, per_class, options_.images.initial_noise, random);
        break;
      case Start::real:
        set.images = real_images(real, draw_real_images(real, split_.train, groups, per_class, random), normalization);
        break;
      case Start::kmeans:
        set.images =
            real_images(real, draw_central_images(real, split_.train, normalization, groups, per_class, random, team_),
                        normalization);
        break;
    }
    set.labels.assign(set.images.size(), balanced_labels(real.classes, per_class));
    set.soft_labels = options_.labels.soft;
    set.learning_rates = Tensor<float>(inner.unordered ? Shape{1, 1} : Shape{inner.epochs, inner.steps},
                                       static_cast<float>(inner.first_learning_rate()));
    if (inner.unordered) set.unordered = {inner.length(), *inner.batch};
    set.rule = inner.rule;
    set.augmentation = options_.augmentation;
    set.normalization = normalization;
    return set;
  }

  /// Runs `body`, and adds the iteration and the learning rates to the message of a DivergenceError.
  template <class Body>
  double named(const Body& body) const {
    try {
      return body();
    } catch (const DivergenceError& error) {
      std::ostringstream rates = hypertape::detail::plain_stream();
      for (const float rate : state_.parameters.set().learning_rates.values()) rates << ' ' << rate;
      throw DivergenceError("iteration ", state_.iteration, ": ", error.what(), "; learning rates", rates.str());
    }
  }

  OuterStep outer_step() const {
    BatchSampler batches(dataset_, split_.train, options_);
    const DistilledSet& set = state_.parameters.set();
    if (options_.outer_loop.step == OuterStepKind::ridge) {
      return OuterStep(
          std::make_shared<RidgeStep>(network_, training_, std::move(batches), options_, set, team_, ranks_));
    }
    return OuterStep(
        std::make_shared<UnrollStep>(network_, training_, std::move(batches), options_, set, team_, ranks_));
  }

  /// Takes an outer step and returns its loss.
  double take_step() {
    const long iteration = state_.iteration;
    const OuterLoopOptions& outer = options_.outer_loop;
    const OuterGradient found = outer_step_(state_.parameters.set(), iteration);
    certificate_ = found.certificate;
    state_.parameters.update(found.gradient, outer.halve_every
                                                 ? optim::step_schedule(iteration, *outer.halve_every, 0.5)
                                                 : optim::cosine_schedule(iteration, outer.iterations));
    return found.loss;
  }

  nn::Network<float> network_;
  const data::Dataset& dataset_;
  DistillOptions options_;
  WorkerTeam team_;
  const Communicator& ranks_;
  InitialWeights training_;
  data::Split split_;
  Validator validator_;
  TrainingState state_;
  OuterStep outer_step_;
  std::optional<Certificate> certificate_;
  data::Checksum data_checksum_, weights_checksum_;
  Origin origin_;
};

}  // namespace hypertape::inline HYPERTAPE_ABI::distill
