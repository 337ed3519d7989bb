#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "hypertape/core/parallel.hpp"
#include "hypertape/core/random.hpp"
#include "hypertape/data/dataset.hpp"
#include "hypertape/distill/distilled_set.hpp"
#include "hypertape/distill/evaluation.hpp"
#include "hypertape/distill/random_stream.hpp"
#include "hypertape/nn/classification_loss.hpp"
#include "hypertape/nn/initializers.hpp"
#include "hypertape/ops/activations.hpp"
#include "hypertape/ops/losses.hpp"
#include "hypertape/optim/optimizer.hpp"
#include "hypertape/optim/schedule.hpp"
#include "hypertape/unroll/batch_gradient.hpp"
#include "hypertape/unroll/hypergradient.hpp"

namespace hypertape::distill {

/// How to distil; the defaults are those of the tool (docs/distillation.md says how they were found).
struct DistillOptions {
  Index steps = 1;
  Index epochs = 3;
  Index images_per_class = 1;

  long iterations = 12000;             ///< outer steps
  Index batch = 256;                   ///< real images of one outer step
  double learning_rate = 0.02;         ///< of Adam, for the images; follows half a cosine down to zero
  double rates_learning_rate = 0.02;   ///< of Adam, for the raw learning rates
  double initial_learning_rate = 0.2;  ///< of every inner step
  double initial_noise = 0.3;          ///< standard deviation of the images that it starts from, in normalised space
  double clip = 0.5;                   ///< largest norm of the hypergradient; 0: no limit
  Index hold_out = 5000;               ///< training images kept back to score what is shown while it runs
  std::uint64_t seed = 1;

  /// @throws ArgumentError naming the first value that is out of range.
  void check() const {
    const auto need = [](bool valid, const char* what, auto value) {
      if (!valid) throw ArgumentError(message("DistillOptions: ", what, ", got ", value));
    };
    need(steps >= 1, "steps must be at least 1", steps);
    need(epochs >= 1, "epochs must be at least 1", epochs);
    need(images_per_class >= 1, "images per class must be at least 1", images_per_class);
    need(iterations >= 1, "iterations must be at least 1", iterations);
    need(batch >= 1, "batch must be at least 1", batch);
    need(learning_rate > 0, "the learning rate must be positive", learning_rate);
    need(rates_learning_rate >= 0, "the rates' learning rate cannot be negative", rates_learning_rate);
    need(initial_learning_rate > 0, "the initial learning rate must be positive", initial_learning_rate);
    need(initial_noise > 0, "the initial noise must be positive", initial_noise);
    need(clip >= 0, "clip cannot be negative", clip);
    need(hold_out >= 1, "hold-out must be at least 1", hold_out);
  }
};

/// Dataset distillation for one fixed initialisation (Wang et al. 2018, Algorithm 1): learns images and learning rates
/// such that `epochs` passes of gradient descent over them take theta_0 to weights of low loss on real data.
///
/// Learning rates stay positive as softplus of raw values. Everything random is a function of the seed and, where it
/// belongs to one, the iteration; results do not depend on the number of threads.
template <class Network>
class Distiller {
 public:
  /// The dataset must outlive the distiller. @throws ArgumentError for options out of range, or a dataset too small for
  /// the hold-out and one batch.
  Distiller(Network network, const data::Dataset& dataset, DistillOptions options, WorkerTeam team)
      : network_(std::move(network)),
        dataset_(dataset),
        options_(options),
        team_(team),
        unroll_(Loss{&network_}, unroll_options(dataset, options), team),
        outer_gradient_(Loss{&network_}, team),
        adam_images_(0.5, 0.999),
        adam_rates_(0.5, 0.999) {
    options_.check();
    split_hold_out();
    start();
  }
  Distiller(const Distiller&) = delete;
  Distiller& operator=(const Distiller&) = delete;

  long iteration() const { return iteration_; }

  /// One outer step; returns the loss on its real images. @throws DivergenceError naming the iteration and the inner
  /// step if anything is not finite; what was learned until the iteration before is then still there.
  double iterate() {
    return named([&] {
      const auto outer_loss = [&](const Tensor<float>& theta, Tensor<float>& gradient) {
        return real_loss(theta, gradient);
      };
      const Hypergradient<float>& h = unroll_(loop_, outer_loss);
      update(h);
      ++iteration_;
      return static_cast<double>(h.outer_loss);
    });
  }

  /// Percent of the held-out images that a network trained on the present images classifies correctly.
  /// @throws as `iterate`.
  double hold_out_accuracy() {
    return named([&] {
      return accuracy(network_, unroll_.train(loop_), dataset_.train, split_.held_out, dataset_.normalization, team_);
    });
  }

  /// A copy of what has been learned.
  DistilledSet distilled() const {
    return {loop_.x, loop_.y, false, loop_.learning_rates, dataset_.normalization, loop_.theta0};
  }

 private:
  using Loss = nn::ClassificationLoss<Network>;

  static UnrollOptions unroll_options(const data::Dataset& dataset, const DistillOptions& options) {
    UnrollOptions unroll;
    unroll.samples_per_block = inner_samples_per_block(options.images_per_class * dataset.train.classes);
    return unroll;
  }

  void split_hold_out() {
    const Index count = dataset_.train.count;
    if (options_.hold_out + options_.batch > count) {
      throw ArgumentError(message("distill: the training set of ", count, " images is too small for a hold-out of ",
                                  options_.hold_out, " and a batch of ", options_.batch));
    }
    split_ = data::split(dataset_.train, options_.hold_out, random_stream(options_.seed, Stream::hold_out).bits());
  }

  void start() {
    const data::LabelledImages& real = dataset_.train;
    Random theta_random = random_stream(options_.seed, Stream::theta);
    loop_.theta0 = network_.parameters().template initialize<float>(nn::Initializer::xavier_normal, 1, theta_random);

    Random image_random = random_stream(options_.seed, Stream::images);
    std::vector<std::int32_t> classes;
    for (int k = 0; k < real.classes; ++k) classes.insert(classes.end(), to_size(options_.images_per_class), k);
    const Shape shape{static_cast<Index>(classes.size()), real.channels, real.height, real.width};
    for (Index s = 0; s < options_.steps; ++s) {
      loop_.x.emplace_back(shape);
      for (float& value : loop_.x.back().values())
        value = static_cast<float>(options_.initial_noise * image_random.normal());
      loop_.y.push_back(one_hot<float>(std::span<const std::int32_t>(classes), real.classes));
    }
    loop_.learning_rates = Tensor<float>(Shape{options_.epochs, options_.steps});
    // The inverse of softplus, log(exp(eta) - 1), in a form that does not overflow.
    const double eta = options_.initial_learning_rate;
    raw_rates_.assign(to_size(options_.epochs * options_.steps), eta + std::log(-std::expm1(-eta)));
    apply_learning_rates();
  }

  /// Runs the body, and adds to what it says of a divergence where in the run that was.
  template <class Body>
  double named(const Body& body) const {
    try {
      return body();
    } catch (const DivergenceError& error) {
      throw DivergenceError(message("iteration ", iteration_, ": ", error.what(), "; learning rates ", rates_text()));
    }
  }

  void apply_learning_rates() {
    for (std::size_t t = 0; t < raw_rates_.size(); ++t) {
      loop_.learning_rates[static_cast<Index>(t)] = static_cast<float>(Softplus::value(raw_rates_[t]));
    }
  }

  /// The loss on the next real images, and its gradient.
  float real_loss(const Tensor<float>& theta, Tensor<float>& gradient) {
    draw_batch();
    const auto load = [&](Range range, Tensor<float>& x, Tensor<float>& y) {
      const auto which = std::span<const Index>(batch_).subspan(to_size(range.begin), to_size(range.size()));
      data::gather(dataset_.train, which, dataset_.normalization, x);
      data::gather_one_hot(dataset_.train, which, y);
    };
    return outer_gradient_(theta, options_.batch, load, gradient);
  }

  /// Training images in random order, each once in an epoch; the rest that fills no batch waits for another epoch.
  void draw_batch() {
    const auto per_epoch = static_cast<long>(static_cast<Index>(split_.train.size()) / options_.batch);
    const long epoch = iteration_ / per_epoch;
    if (epoch != order_epoch_) {
      order_ =
          random_stream(options_.seed, Stream::batches, epoch).permutation(static_cast<Index>(split_.train.size()));
      order_epoch_ = epoch;
    }
    const Index first = (iteration_ % per_epoch) * options_.batch;
    batch_.clear();
    for (Index i = first; i < first + options_.batch; ++i) batch_.push_back(split_.train[to_size(order_[to_size(i)])]);
  }

  void update(const Hypergradient<float>& h) {
    gradient_.clear();
    values_.clear();
    for (std::size_t s = 0; s < h.x.size(); ++s) {
      gradient_.insert(gradient_.end(), h.x[s].values().begin(), h.x[s].values().end());
      values_.insert(values_.end(), loop_.x[s].values().begin(), loop_.x[s].values().end());
    }
    rates_gradient_.clear();
    for (std::size_t t = 0; t < raw_rates_.size(); ++t) {
      const double derivative = Sigmoid::value(raw_rates_[t]);  // of softplus
      rates_gradient_.push_back(static_cast<double>(h.learning_rates[static_cast<Index>(t)]) * derivative);
    }
    double square = 0, rates_square = 0;
    for (const float g : gradient_) square += static_cast<double>(g) * static_cast<double>(g);
    for (const double g : rates_gradient_) rates_square += g * g;
    if (!std::isfinite(square + rates_square)) {
      throw DivergenceError(message("the hypergradient is not finite (norm ", std::sqrt(square), " for the images, ",
                                    std::sqrt(rates_square), " for the learning rates)"));
    }
    if (options_.clip > 0) {
      const double norm = std::sqrt(square + rates_square);
      const double factor = norm > options_.clip ? options_.clip / norm : 1;
      for (float& g : gradient_) g *= static_cast<float>(factor);
      for (double& g : rates_gradient_) g *= factor;
    }
    const double decay = optim::cosine_schedule(iteration_, options_.iterations);
    adam_images_.step(values_, gradient_, decay * options_.learning_rate);
    adam_rates_.step(raw_rates_, rates_gradient_, decay * options_.rates_learning_rate);
    apply_learning_rates();
    auto from = values_.begin();
    for (Tensor<float>& x : loop_.x) {
      std::copy_n(from, x.size(), x.data());
      from += x.size();
    }
  }

  std::string rates_text() const {
    std::ostringstream text;
    for (Index t = 0; t < loop_.learning_rates.size(); ++t) text << (t > 0 ? " " : "") << loop_.learning_rates[t];
    return text.str();
  }

  static std::size_t to_size(Index i) { return static_cast<std::size_t>(i); }

  Network network_;
  const data::Dataset& dataset_;
  DistillOptions options_;
  WorkerTeam team_;
  Unroll<float, Loss> unroll_;
  BatchGradient<float, Loss> outer_gradient_;
  optim::Adam<float> adam_images_;
  optim::Adam<double> adam_rates_;

  InnerLoop<float> loop_;
  std::vector<double> raw_rates_;
  std::vector<float> values_, gradient_;  // of all steps' images, one after the other
  std::vector<double> rates_gradient_;
  data::Split split_;
  std::vector<Index> order_, batch_;
  long order_epoch_ = -1;
  long iteration_ = 0;
};

}  // namespace hypertape::distill
