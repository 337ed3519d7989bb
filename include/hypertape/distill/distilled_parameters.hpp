#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "hypertape/core/row_major.hpp"
#include "hypertape/distill/adam_group.hpp"
#include "hypertape/distill/distill_options.hpp"
#include "hypertape/distill/distilled_set.hpp"
#include "hypertape/distill/probability_simplex.hpp"
#include "hypertape/distill/training_plan.hpp"
#include "hypertape/io/npz.hpp"
#include "hypertape/optim/gradient_clip.hpp"

namespace hypertape::inline HYPERTAPE_ABI::distill {

using hypertape::detail::concat;

/// The values that outer steps learn: a distilled set's images, learning rates and, if soft, labels, each group with
/// its own Adam. Learning rates stay positive as the softplus of raw values.
class DistilledParameters {
 public:
  /// Starts from this set. If the options ask for it, pixels are kept in their valid range and labels are kept
  /// probabilities.
  DistilledParameters(DistilledSet set, const DistillOptions& options)
      : options_(options), set_(std::move(set)), clips_(options.outer_loop.clip_each ? 3 : 1, clip_of(options)) {
    images_.values = values_of(set_.images);
    labels_.values = values_of(set_.labels);
    // The inverse of softplus, log(exp(eta) - 1), in a form that does not overflow. A rate that is the options' rate
    // rounded to float is replaced by that rate in double precision.
    const double first = options.inner_loop.first_learning_rate(), rounding = first * 0x1p-24;
    for (const float rate : to_row_major(set_.learning_rates)) {
      const auto own = static_cast<double>(rate);
      const double eta = std::abs(own - first) <= rounding ? first : own;
      rates_.values.push_back(eta + std::log(-std::expm1(-eta)));
    }
    publish();
    if (options.labels.clamp) clamp_labels();
  }

  /// The current set.
  const DistilledSet& set() const { return set_; }

  /// The set to score and keep: the current one, or if the options ask for it, its exponential average. In step n the
  /// past has weight d = min(D, (1 + n) / (10 + n)), so that the start is soon forgotten.
  const DistilledSet& result() const { return average_ ? *average_ : set_; }

  /// Takes one Adam step with the clipped gradient at `decay` times the options' learning rates.
  /// @throws DivergenceError, leaving everything unchanged, if the gradient is not finite.
  void update(const SetGradient& gradient, double decay) {
    images_.gradient = values_of(gradient.images);
    rates_.gradient.clear();
    for (std::size_t t = 0; t < rates_.values.size(); ++t) {
      const double rate = rates_.values[t], e = std::exp(-std::abs(rate));
      const double derivative = (rate < 0 ? e : 1) / (1 + e);  // of softplus in `publish`
      rates_.gradient.push_back(static_cast<double>(gradient.learning_rates[static_cast<Index>(t)]) * derivative);
    }
    const double images = images_.square_norm(), rates = rates_.square_norm();
    double labels = 0;
    if (set_.soft_labels) {
      labels_.gradient = values_of(gradient.labels);
      labels = labels_.square_norm();
    }
    if (!std::isfinite(images + labels + rates)) {
      throw DivergenceError("the hypergradient is not finite (norm ", std::sqrt(images + labels),
                            set_.soft_labels ? " for images and labels, " : " for the images, ", std::sqrt(rates),
                            " for the learning rates)");
    }
    const bool each = clips_.size() > 1;
    const auto factor = [&](std::size_t clip, double square) { return clips_[clip].factor(std::sqrt(square)); };
    const double all = each ? 1 : factor(0, images + labels + rates);
    images_.step(each ? factor(0, images) : all, decay * options_.images.learning_rate);
    if (set_.soft_labels) labels_.step(each ? factor(1, labels) : all, decay * options_.labels.learning_rate);
    rates_.step(each ? factor(2, rates) : all, decay * options_.inner_loop.rates_learning_rate);
    publish();
    if (options_.labels.clamp) clamp_labels();
    if (options_.outer_loop.average > 0) add_to_average();
  }

  /// Adds everything that `update` depends on to the arrays of a checkpoint.
  void save(io::Npz& npz) const {
    images_.save(npz, "images");
    labels_.save(npz, "labels");
    rates_.save(npz, "raw_rates");
    std::vector<double> averages;
    for (const optim::GradientClip& clip : clips_) averages.push_back(clip.state().average);
    npz["clip_average"] = {{static_cast<Index>(averages.size())}, averages};
    npz["averaged_steps"] = {{1}, std::vector<std::int64_t>{averaged_steps_}};
    if (average_) io::add_prefixed(npz, "average", to_npz(*average_));
  }

  /// Restores what `save` wrote. @throws DataError naming an array that is missing, has another shape, or holds what no
  /// run can; the present state is then lost.
  void restore(const io::Npz& npz, const std::filesystem::path& path) {
    images_.restore(npz, path, "images");
    labels_.restore(npz, path, "labels");
    rates_.restore(npz, path, "raw_rates");
    const auto& averages = io::require_values<double>(npz, path, "clip_average", {static_cast<Index>(clips_.size())});
    for (std::size_t i = 0; i < clips_.size(); ++i) {
      detail::refuse_as_data(path, "array 'clip_average'", [&] { clips_[i].restore({averages[i]}); });
    }
    publish();
    for (const float rate : set_.learning_rates.values()) {
      if (!std::isfinite(rate)) throw io::bad_content(path, "array 'raw_rates'", "finite learning rates", concat(rate));
    }
    averaged_steps_ = 0;
    average_.reset();
    if (!npz.contains("averaged_steps")) return;  // written by a version without averages
    averaged_steps_ = io::require_values<std::int64_t>(npz, path, "averaged_steps", {1})[0];
    if (averaged_steps_ != (options_.outer_loop.average > 0 ? images_.steps() : 0)) {
      throw io::bad_content(path, "array 'averaged_steps'", "as many steps as this run has taken",
                            concat(averaged_steps_));
    }
    if (averaged_steps_ > 0) average_ = from_npz_like(set_, npz, "average", path);
  }

 private:
  static constexpr optim::Adam adam{.beta1 = 0.5, .beta2 = 0.999};

  static std::vector<float> values_of(const std::vector<Tensor<float>>& tensors) {
    std::vector<float> values;
    for (const Tensor<float>& tensor : tensors) {
      values.insert(values.end(), tensor.values().begin(), tensor.values().end());
    }
    return values;
  }
  static void write(const std::vector<float>& values, std::vector<Tensor<float>>& tensors) {
    auto from = values.begin();
    for (Tensor<float>& tensor : tensors) {
      std::copy_n(from, tensor.size(), tensor.data());
      from += tensor.size();
    }
  }

  static optim::GradientClip clip_of(const DistillOptions& options) {
    const OuterLoopOptions& outer = options.outer_loop;
    return optim::GradientClip(outer.clip.value_or(0), outer.clip_average.value_or(0), outer.clip_memory);
  }

  /// Copies the values into the set.
  void publish() {
    if (options_.images.clamp) clamp_images();
    write(images_.values, set_.images);
    write(labels_.values, set_.labels);
    for (std::size_t t = 0; t < rates_.values.size(); ++t) {
      const double rate = rates_.values[t], softplus = (std::max)(rate, 0.0) + std::log1p(std::exp(-std::abs(rate)));
      set_.learning_rates[static_cast<Index>(t)] = static_cast<float>(softplus);
    }
  }

  void add_to_average() {
    if (!average_) average_ = set_;
    const auto n = static_cast<double>(averaged_steps_++);
    const auto past = static_cast<float>((std::min)(options_.outer_loop.average, (1 + n) / (10 + n)));
    const auto add = [past](const Tensor<float>& present, Tensor<float>& average) {
      for (Index i = 0; i < present.size(); ++i) average[i] = past * average[i] + (1 - past) * present[i];
    };
    for (std::size_t s = 0; s < set_.images.size(); ++s) {
      add(set_.images[s], average_->images[s]);
      if (set_.soft_labels) add(set_.labels[s], average_->labels[s]);
    }
    add(set_.learning_rates, average_->learning_rates);
  }

  /// Not used by `restore`: projecting a second time could change the last bit.
  void clamp_labels() {
    for (Tensor<float>& labels : set_.labels) project_to_probabilities(labels);
    labels_.values = values_of(set_.labels);
  }

  /// Images (N, C, H, W) have samples innermost, so a channel is a contiguous run of N H W values.
  void clamp_images() {
    const Shape shape = set_.images.front().shape();
    const auto plane = static_cast<std::size_t>(shape[0] * shape[2] * shape[3]);
    const auto channels = static_cast<std::size_t>(shape[1]);
    const data::Normalization& scale = set_.normalization;
    for (std::size_t i = 0; i < images_.values.size(); ++i) {
      const std::size_t c = i / plane % channels;
      const float black = (0 - scale.mean[c]) / scale.std[c], white = (1 - scale.mean[c]) / scale.std[c];
      images_.values[i] = std::clamp(images_.values[i], black, white);
    }
  }

  DistillOptions options_;
  DistilledSet set_;
  std::vector<optim::GradientClip> clips_;  // one for all groups, or one each for images, labels and rates
  AdamGroup<float> images_{adam}, labels_{adam};
  AdamGroup<double> rates_{adam};
  std::optional<DistilledSet> average_;  // from the first step on, if the options ask for it
  std::int64_t averaged_steps_ = 0;
};

}  // namespace hypertape::inline HYPERTAPE_ABI::distill
