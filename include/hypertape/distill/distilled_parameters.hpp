#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "hypertape/core/row_major.hpp"
#include "hypertape/distill/distill_options.hpp"
#include "hypertape/distill/distilled_set.hpp"
#include "hypertape/io/npz.hpp"
#include "hypertape/ops/activations.hpp"
#include "hypertape/optim/adam.hpp"
#include "hypertape/optim/gradient_clip.hpp"
#include "hypertape/optim/optimizer.hpp"
#include "hypertape/unroll/hypergradient.hpp"

namespace hypertape::inline HYPERTAPE_ABI::distill {

using hypertape::detail::concat;

/// What outer steps change: images, learning rates and, if they are soft, labels, each group with an Adam of its own.
/// Learning rates stay positive as softplus of raw values.
class DistilledParameters {
 public:
  /// `images` (N, C, H, W) and `labels` (N, classes) of each step; images are kept in the range of pixels of
  /// `normalization` if the options ask for that.
  DistilledParameters(std::vector<Tensor<float>> images, std::vector<Tensor<float>> labels,
                      const DistillOptions& options, const data::Normalization& normalization)
      : options_(options), clip_(options.outer_loop.clip.value_or(0), options.outer_loop.clip_average.value_or(0)) {
    loop_.x = std::move(images);
    loop_.y = std::move(labels);
    loop_.learning_rates = Tensor<float>(Shape{options.inner_loop.epochs, options.inner_loop.steps});
    loop_.rule = inner_rule(options.inner_loop.momentum);
    images_.read(loop_.x);
    labels_.read(loop_.y);
    // The inverse of softplus, log(exp(eta) - 1), in a form that does not overflow.
    const double eta = options.inner_loop.initial_learning_rate;
    rates_.values.assign(static_cast<std::size_t>(loop_.length()), eta + std::log(-std::expm1(-eta)));
    if (options.images.clamp) range_ = normalization;
    publish();
  }

  /// The training run on the present values; its theta0 is left empty.
  const InnerLoop<float>& loop() const { return loop_; }

  /// One step of Adam along the hypergradient, whose norm is clipped, at `decay` times the options' learning rates.
  /// @throws DivergenceError, leaving everything as it is, if the hypergradient is not finite.
  void update(const Hypergradient<float>& h, double decay) {
    images_.read_gradient(h.x);
    rates_.gradient.clear();
    for (std::size_t t = 0; t < rates_.values.size(); ++t) {
      const double rate = rates_.values[t], e = std::exp(-std::abs(rate));
      const double derivative = (rate < 0 ? e : 1) / (1 + e);  // of softplus, which `publish` takes
      rates_.gradient.push_back(static_cast<double>(h.learning_rates[static_cast<Index>(t)]) * derivative);
    }
    double square = images_.square_norm(), rates_square = rates_.square_norm();
    if (options_.labels.soft) {
      labels_.read_gradient(h.y);
      square += labels_.square_norm();
    }
    if (!std::isfinite(square + rates_square)) {
      throw DivergenceError("the hypergradient is not finite (norm ", std::sqrt(square),
                            options_.labels.soft ? " for images and labels, " : " for the images, ",
                            std::sqrt(rates_square), " for the learning rates)");
    }
    const double factor = clip_.factor(std::sqrt(square + rates_square));
    images_.step(factor, decay * options_.images.learning_rate);
    if (options_.labels.soft) labels_.step(factor, decay * options_.labels.learning_rate);
    rates_.step(factor, decay * options_.inner_loop.rates_learning_rate);
    publish();
  }

  /// Adds everything that `update` depends on to the arrays of a checkpoint.
  void save(io::Npz& npz) const {
    images_.save(npz, "images");
    labels_.save(npz, "labels");
    rates_.save(npz, "raw_rates");
    npz["clip_average"] = {{1}, std::vector<double>{clip_.state().average}};
  }

  /// Takes back what `save` wrote. @throws DataError naming the array that is missing, does not fit, or holds what no
  /// run leaves; the present values are then undefined.
  void restore(const io::Npz& npz, const std::filesystem::path& path) {
    images_.restore(npz, path, "images");
    labels_.restore(npz, path, "labels");
    rates_.restore(npz, path, "raw_rates");
    refuse_as_data(path, "array 'clip_average'",
                   [&] { clip_.restore({io::require_values<double>(npz, path, "clip_average", {1})[0]}); });
    publish();
    for (const float rate : loop_.learning_rates.values()) {
      if (!std::isfinite(rate)) throw io::bad_content(path, "array 'raw_rates'", "finite learning rates", concat(rate));
    }
  }

 private:
  /// A state that a file holds and no run leaves is the file's fault.
  template <class Restore>
  static void refuse_as_data(const std::filesystem::path& path, const std::string& place, const Restore& restore) {
    try {
      restore();
    } catch (const ArgumentError& error) {
      throw io::bad_content(path, place, "the state of a run", error.what());
    }
  }

  static constexpr std::array adam_slots{".adam_mean", ".adam_square"};

  /// Values in one row, and their optimizer.
  template <class T>
  struct Group {
    std::vector<T> values, gradient;
    optim::Optimizer<T> adam{optim::Adam{.beta1 = 0.5, .beta2 = 0.999}};

    static void append_all(const std::vector<Tensor<T>>& tensors, std::vector<T>& out) {
      out.clear();
      for (const Tensor<T>& tensor : tensors) out.insert(out.end(), tensor.values().begin(), tensor.values().end());
    }
    void read(const std::vector<Tensor<T>>& tensors) { append_all(tensors, values); }
    void read_gradient(const std::vector<Tensor<T>>& tensors) { append_all(tensors, gradient); }
    void write(std::vector<Tensor<T>>& tensors) const {
      auto from = values.begin();
      for (Tensor<T>& tensor : tensors) {
        std::copy_n(from, tensor.size(), tensor.data());
        from += tensor.size();
      }
    }
    double square_norm() const {
      double sum = 0;
      for (const T g : gradient) sum += static_cast<double>(g) * static_cast<double>(g);
      return sum;
    }
    void step(double factor, double learning_rate) {
      for (T& g : gradient) g *= static_cast<T>(factor);
      adam.step(values, gradient, learning_rate);
    }
    void save(io::Npz& npz, const std::string& name) const {
      const auto count = static_cast<Index>(values.size());
      npz[name] = {{count}, values};
      npz[name + ".adam_steps"] = {{1}, std::vector<std::int64_t>{adam.state().steps}};
      for (std::size_t i = 0; i < adam.state().slot.size(); ++i) {
        npz[name + adam_slots[i]] = {{count}, to_row_major(adam.state().slot[i])};
      }
    }
    void restore(const io::Npz& npz, const std::filesystem::path& path, const std::string& name) {
      const auto count = static_cast<Index>(values.size());
      values = io::require_values<T>(npz, path, name, {count});
      for (const T value : values) {
        if (!std::isfinite(value)) throw io::bad_content(path, "array '" + name + "'", "finite values", concat(value));
      }
      optim::State<T> state;
      state.steps = io::require_values<std::int64_t>(npz, path, name + ".adam_steps", {1})[0];
      if (state.steps > 0) {
        for (const char* slot : adam_slots) {
          const std::vector<T>& moments = io::require_values<T>(npz, path, name + slot, {count});
          state.slot.emplace_back(Shape{count}, std::span(moments));
        }
      }
      refuse_as_data(path, "arrays '" + name + ".adam_*'", [&] { adam.restore(std::move(state)); });
    }
  };

  /// Makes the loop what the values say.
  void publish() {
    if (range_) clamp();
    images_.write(loop_.x);
    labels_.write(loop_.y);
    for (std::size_t t = 0; t < rates_.values.size(); ++t) {
      const double rate = rates_.values[t], softplus = (std::max)(rate, 0.0) + std::log1p(std::exp(-std::abs(rate)));
      loop_.learning_rates[static_cast<Index>(t)] = static_cast<float>(softplus);
    }
  }

  /// Images (N, C, H, W) have samples innermost, so a channel is a contiguous run of N H W values.
  void clamp() {
    const Shape shape = loop_.x.front().shape();
    const auto plane = static_cast<std::size_t>(shape[0] * shape[2] * shape[3]);
    const auto channels = static_cast<std::size_t>(shape[1]);
    for (std::size_t i = 0; i < images_.values.size(); ++i) {
      const std::size_t c = i / plane % channels;
      const float black = (0 - range_->mean[c]) / range_->std[c], white = (1 - range_->mean[c]) / range_->std[c];
      images_.values[i] = std::clamp(images_.values[i], black, white);
    }
  }

  DistillOptions options_;
  optim::GradientClip clip_;
  InnerLoop<float> loop_;
  Group<float> images_, labels_;
  Group<double> rates_;
  std::optional<data::Normalization> range_;
};

}  // namespace hypertape::inline HYPERTAPE_ABI::distill
