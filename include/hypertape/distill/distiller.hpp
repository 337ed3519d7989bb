#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <span>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "hypertape/core/parallel.hpp"
#include "hypertape/data/augment.hpp"
#include "hypertape/data/checksum.hpp"
#include "hypertape/data/dataset.hpp"
#include "hypertape/distill/distill_options.hpp"
#include "hypertape/distill/distilled_parameters.hpp"
#include "hypertape/distill/distilled_set.hpp"
#include "hypertape/distill/evaluation.hpp"
#include "hypertape/distill/hold_out.hpp"
#include "hypertape/distill/initial_images.hpp"
#include "hypertape/distill/initial_weights.hpp"
#include "hypertape/distill/random_purpose.hpp"
#include "hypertape/distill/real_batches.hpp"
#include "hypertape/nn/classification_loss.hpp"
#include "hypertape/optim/schedule.hpp"
#include "hypertape/unroll/batch_gradient.hpp"
#include "hypertape/unroll/unroll_ensemble.hpp"

namespace hypertape::distill {

using hypertape::detail::concat;

/// Dataset distillation (Wang et al. 2018, Algorithm 1): learns images and learning rates, and labels if they are soft,
/// such that `epochs` passes of gradient descent over them take initial weights to weights of low loss on real data.
///
/// Everything random is a function of the seed and, where it belongs to one, the iteration; results do not depend on
/// the number of threads, nor on whether a run was continued from a checkpoint.
class Distiller {
 public:
  /// `training` are the initial weights to distil for, `validation` those to score with. The dataset must outlive the
  /// distiller. @throws ArgumentError for options out of range, or a dataset too small for the hold-out and one batch.
  Distiller(nn::Network<float> network, const data::Dataset& dataset, const DistillOptions& options,
            InitialWeights training, const InitialWeights& validation, const WorkerTeam& team)
      : network_(std::move(network)),
        dataset_(dataset),
        options_(checked(options, dataset)),
        team_(team),
        training_(std::move(training)),
        validation_(validation.first(options.validation.networks)),
        split_(hold_out(dataset.train, *options_.validation.hold_out, *options_.validation.hold_out_seed)),
        real_batches_(dataset.train, split_.train, *options_.real.batch, *options_.real.balanced, options.seed),
        learned_(first_images(), first_labels(), options, dataset.normalization),
        unroll_(Loss{&network_}, unroll_options(), team) {
    for (int w = 0; w < team.size(); ++w) outer_gradients_.emplace_back(Loss{&network_}, team);
    data_checksum_.add(dataset);
    origin_ = {dataset.name, data_checksum_.value(), dataset.train.classes, dataset.class_names};
    for (const auto* weights : {&training_.given(), &std::as_const(validation_)}) {
      for (const Tensor<float>& theta : *weights) weights_checksum_.add(theta.values());
    }
  }
  Distiller(const Distiller&) = delete;
  Distiller& operator=(const Distiller&) = delete;

  /// Outer steps so far.
  long iteration() const { return iteration_; }
  /// How many of the iterations so far changed nothing, because a network diverged.
  long skipped() const { return skipped_; }

  /// One outer step; returns the loss on its real images, averaged over its networks. Where networks that diverge are
  /// to be skipped, that is a NaN in such a step. @throws DivergenceError naming the iteration and the inner step if
  /// anything is not finite; what was learned until the iteration before is still there.
  double iterate() {
    double loss = std::numeric_limits<double>::quiet_NaN();
    try {
      loss = named([&] { return outer_step(); });
    } catch (const DivergenceError&) {
      if (!options_.outer_loop.skip_diverged) throw;
      ++skipped_;
    }
    ++iteration_;
    return loss;
  }

  /// Percent of the held-out images that networks trained on the present images take for what the objective wants,
  /// averaged over the validation networks (where batches are balanced, the mean over classes); 0 for one that
  /// diverges, where that is skipped. @throws as `iterate`.
  double hold_out_score() {
    return named([&] {
      const std::vector<TestResult> tested =
          test_networks(network_, train_networks(network_, learned_.loop(), validation_, team_), dataset_.train,
                        split_.held_out, dataset_.normalization, team_);
      double sum = 0;
      for (std::size_t i = 0; i < tested.size(); ++i) {
        if (!options_.outer_loop.skip_diverged) require_success(tested[i], static_cast<Index>(i));
        sum += options_.objective.score(tested[i].confusion, *options_.real.balanced);
      }
      return sum / static_cast<double>(validation_.size());
    });
  }

  /// A copy of what has been learned.
  DistilledSet distilled() const {
    const InnerLoop<float>& loop = learned_.loop();
    DistilledSet set{loop.x, loop.y, options_.labels.soft, loop.learning_rates, loop.momentum, dataset_.normalization,
                     {},     origin_};
    if (training_.count() == 1) set.theta0 = training_[0];
    return set;
  }

  /// Of the initial weights to distil for and to score with, as far as they are given and not drawn.
  std::int64_t weights_checksum() const { return weights_checksum_.value(); }

  /// Everything that the rest of the run depends on, besides options, dataset and initial weights, of which it has
  /// checksums.
  io::Npz checkpoint() const {
    io::Npz npz;
    npz["iteration"] = {{1}, std::vector<std::int64_t>{iteration_}};
    npz["skipped"] = {{1}, std::vector<std::int64_t>{skipped_}};
    npz["data_checksum"] = {{1}, std::vector<std::int64_t>{data_checksum_.value()}};
    npz["weights_checksum"] = {{1}, std::vector<std::int64_t>{weights_checksum_.value()}};
    learned_.save(npz);
    return npz;
  }

  /// Continues from what `checkpoint` gave. @throws DataError naming the array of `path` that does not fit, or if
  /// dataset or initial weights are not those that the run began with.
  void restore(const io::Npz& npz, const std::filesystem::path& path) {
    const auto same = [&](const char* name, const data::Checksum& present, const char* what) {
      if (io::require_values<std::int64_t>(npz, path, name, {1})[0] == present.value()) return;
      throw DataError(path.string(), ": the run began with other ", what, " than are there now");
    };
    same("data_checksum", data_checksum_, "images, labels or names of classes");
    same("weights_checksum", weights_checksum_, "initial weights");
    const auto count = [&](const char* name, long most) {
      const std::int64_t value = io::require_values<std::int64_t>(npz, path, name, {1})[0];
      if (value >= 0 && value <= most) return static_cast<long>(value);
      throw io::bad_content(path, concat("array '", name, "'"), concat("a count in 0 .. ", most), concat(value));
    };
    iteration_ = count("iteration", options_.outer_loop.iterations);
    skipped_ = count("skipped", iteration_);
    learned_.restore(npz, path);
  }

 private:
  using Loss = nn::ClassificationLoss<nn::Network<float>>;

  static DistillOptions checked(const DistillOptions& given, const data::Dataset& dataset) {
    DistillOptions options = given.resolved(dataset.train);
    const Index count = dataset.train.count;
    if (options.images.per_class > count / (dataset.train.classes * options.inner_loop.steps)) {
      throw ArgumentError("distill: ", options.inner_loop.steps, " steps of ", options.images.per_class,
                          " images for each of ", dataset.train.classes, " classes are more than the ", count,
                          " training images");
    }
    const Index side = (std::min)(dataset.train.height, dataset.train.width);
    if (options.real.augmentation.padding >= side) {
      throw ArgumentError("distill: crops need less padding than images of ", dataset.train.height, " x ",
                          dataset.train.width, " have pixels, got ", options.real.augmentation.padding);
    }
    if (options.objective.attack) options.objective.attack->validate(dataset.train.classes);
    return options;
  }

  UnrollOptions unroll_options() const {
    UnrollOptions unroll;
    unroll.samples_per_block = inner_samples_per_block(options_.images.per_class * dataset_.train.classes);
    unroll.differentiate_y = options_.labels.soft;
    unroll.memory_policy = options_.inner_loop.memory_policy;
    unroll.window = options_.outer_loop.window.value_or(0);
    return unroll;
  }

  std::vector<Tensor<float>> first_images() const {
    const data::LabeledImages& real = dataset_.train;
    const Random random = random_stream(options_.seed, RandomPurpose::images);
    if (!options_.images.from_real) {
      return noise_images(real, options_.inner_loop.steps, options_.images.per_class, options_.images.initial_noise,
                          random);
    }
    return real_images(
        real, draw_real_images(real, split_.train, options_.inner_loop.steps, options_.images.per_class, random),
        dataset_.normalization);
  }

  std::vector<Tensor<float>> first_labels() const {
    const Tensor<float> of_step = balanced_labels(dataset_.train.classes, options_.images.per_class);
    return std::vector(to_size(options_.inner_loop.steps), of_step);
  }

  /// Runs the body, and adds to what it says of a divergence where in the run that was.
  template <class Body>
  double named(const Body& body) const {
    try {
      return body();
    } catch (const DivergenceError& error) {
      std::ostringstream rates = hypertape::detail::plain_stream();
      for (const float rate : learned_.loop().learning_rates.values()) rates << ' ' << rate;
      throw DivergenceError("iteration ", iteration_, ": ", error.what(), "; learning rates", rates.str());
    }
  }

  /// Returns the loss.
  double outer_step() {
    const std::vector<Tensor<float>> theta0 =
        training_.of_iteration(options_.outer_loop.networks, iteration_, options_.seed);
    draw_batches(static_cast<Index>(theta0.size()));
    InnerLoop<float> loop = learned_.loop();
    loop.theta0 = theta0.front();
    if (options_.outer_loop.random_windows) loop.max_steps = random_stop(loop.length());
    const auto outer_loss = [&](Index network, int worker, const Tensor<float>& theta, Tensor<float>& gradient) {
      return real_loss(network, worker, theta, gradient);
    };
    const Hypergradient<float>& h = unroll_(loop, theta0, outer_loss);
    const std::optional<long> halve_every = options_.outer_loop.halve_every;
    learned_.update(h, halve_every ? optim::step_schedule(iteration_, *halve_every, 0.5)
                                   : optim::cosine_schedule(iteration_, options_.outer_loop.iterations));
    return static_cast<double>(h.outer_loss);
  }

  /// Each network of an iteration gets the next batch.
  void draw_batches(Index networks) {
    batches_.resize(to_size(networks));
    for (Index i = 0; i < networks; ++i) real_batches_.draw(iteration_ * networks + i, batches_[to_size(i)]);
  }

  /// The loss of one network on its batch of real images, and its gradient.
  float real_loss(Index network, int worker, const Tensor<float>& theta, Tensor<float>& gradient) {
    const std::span<const Index> batch = batches_[to_size(network)];
    const auto number = static_cast<std::uint64_t>(iteration_ * static_cast<long>(batches_.size()) + network);
    const auto load = [&](Range range, Tensor<float>& x, Tensor<float>& y) {
      const auto which = batch.subspan(to_size(range.begin), to_size(range.size()));
      data::gather_augmented(dataset_.train, which, dataset_.normalization, options_.real.augmentation,
                             {options_.seed, number, range.begin}, x);
      data::gather_one_hot(dataset_.train, which, y);
      options_.objective.relabel(y);
    };
    return outer_gradients_[static_cast<std::size_t>(worker)](theta, *options_.real.batch, load, gradient);
  }

  /// Where this iteration's inner loop stops: the window fits before, and every end is as likely.
  Index random_stop(Index length) const {
    const Index window = *options_.outer_loop.window;
    return window + random_stream(options_.seed, RandomPurpose::windows, iteration_).below(length - window + 1);
  }

  static std::size_t to_size(Index i) { return static_cast<std::size_t>(i); }

  nn::Network<float> network_;
  const data::Dataset& dataset_;
  DistillOptions options_;
  WorkerTeam team_;
  InitialWeights training_;
  std::vector<Tensor<float>> validation_;
  data::Split split_;
  RealBatches real_batches_;
  DistilledParameters learned_;
  UnrollEnsemble<float, Loss> unroll_;
  std::vector<BatchGradient<float, Loss>> outer_gradients_;  // one for each thread

  std::vector<std::vector<Index>> batches_;  // of each network of this iteration
  long iteration_ = 0;
  long skipped_ = 0;
  data::Checksum data_checksum_, weights_checksum_;
  Origin origin_;
};

}  // namespace hypertape::distill
