#pragma once

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>
#include <vector>

#include "hypertape/core/parallel.hpp"
#include "hypertape/unroll/inner_loop.hpp"
#include "hypertape/unroll/sample_blocks.hpp"
#include "hypertape/unroll/tape_derivatives.hpp"
#include "hypertape/unroll/unroll_options.hpp"

namespace hypertape {

/// dL(theta_T) by everything that the inner loop was given.
template <class T>
struct Hypergradient {
  T outer_loss = 0;
  Tensor<T> theta_T;         ///< (P), the trained weights
  Tensor<T> theta0;          ///< (P), or by the weights at the start of the window
  std::vector<Tensor<T>> x;  ///< as InnerLoop::x; empty unless asked for
  std::vector<Tensor<T>> y;  ///< as InnerLoop::y; empty unless asked for
  Tensor<T> learning_rates;  ///< (epochs, steps); 0 before the window
};

/// Derivatives through unrolled gradient descent (docs/hypergradient.md). With lambda = dL/d theta_{t+1} and
/// g_t = grad_theta l(theta_t, x, y), each step from the last to the first adds
///
///     d eta_t  = - <lambda, g_t>
///     d x     += - eta_t d/dx <lambda, g_t>
///     d y     += - eta_t d/dy <lambda, g_t>
///     lambda   = lambda - eta_t d/dtheta <lambda, g_t>
///
/// `inner_loss(theta, x, y)` records a scalar from three Vars; it is called from several threads at once if the team
/// has several and UnrollOptions::samples_per_block cuts the steps into blocks (else one thread does them). Keep the
/// object: it reuses its memory.
template <class T, class InnerLoss>
class Unroll {
 public:
  /// @throws ArgumentError for a negative interval or window.
  explicit Unroll(InnerLoss inner_loss, UnrollOptions options = {}, WorkerTeam team = WorkerTeam(1))
      : inner_loss_(std::move(inner_loss)), options_(options), team_(team) {
    if (options.checkpoint_interval < 0 || options.window < 0) {
      throw ArgumentError(message("UnrollOptions: interval and window cannot be negative, got ",
                                  options.checkpoint_interval, " and ", options.window));
    }
  }

  /// Runs the inner loop alone and returns theta_T, which stays valid until the next call. @throws ShapeError if the
  /// loop's parts do not fit; DivergenceError, naming the step, if a loss is not finite, or if theta_T is not.
  const Tensor<T>& train(const InnerLoop<T>& loop) {
    start(loop);
    Tensor<T>& theta = result_.theta_T;
    theta = loop.theta0;
    team_.session([&] {
      for (Index t = 0; t < loop.length(); ++t) step(loop, t, theta, theta, false);
    });
    if (!theta.all_finite()) {
      throw DivergenceError(message("hypergradient: the weights are not finite after ", loop.length(), " inner steps"));
    }
    return theta;
  }

  /// `outer_loss(theta, gradient)` returns L(theta) and writes its gradient to a tensor of theta's shape.
  /// @throws as `train`, and DivergenceError if the outer loss is not finite.
  template <class OuterLoss>
  const Hypergradient<T>& operator()(const InnerLoop<T>& loop, const OuterLoss& outer_loss) {
    start(loop);
    clear_result(loop);
    team_.session([&] { sweep(loop, outer_loss); });
    collect(loop);
    return result_;
  }

  /// Bytes that trajectory, records and results hold.
  std::size_t reserved_bytes() const {
    std::size_t values = 0;
    const auto count = [&](const Tensor<T>& tensor) { values += static_cast<std::size_t>(tensor.size()); };
    const auto count_all = [&](const std::vector<Tensor<T>>& tensors) {
      for (const Tensor<T>& tensor : tensors) count(tensor);
    };
    for (const auto* tensors : {&trajectory_, &checkpoints_, &result_.x, &result_.y}) count_all(*tensors);
    for (const Tensor<T>* tensor : {&lambda_, &result_.theta_T, &result_.theta0, &result_.learning_rates})
      count(*tensor);
    std::size_t bytes = 0;
    for (const Block& block : blocks_) {
      for (const auto* tensors : {&block.x, &block.y, &block.dx, &block.dy}) count_all(*tensors);
      for (const Tensor<T>* tensor : {&block.gradient, &block.dx_of_step, &block.dy_of_step}) count(*tensor);
      bytes += block.derivatives->reserved_bytes();
    }
    return bytes + values * sizeof(T);
  }

  /// What `reserved_bytes` will be after a hypergradient through this loop, within a megabyte for each block of
  /// samples. Takes the time of one inner step, from which it learns the size of a record. The outer loss comes on top.
  std::size_t predicted_bytes(const InnerLoop<T>& loop) const {
    Unroll probe(inner_loss_, options_);
    InnerLoop<T> one{loop.theta0, {loop.x.front()}, {loop.y.front()}, Tensor<T>(Shape{1, 1})};
    probe.start(one);
    probe.clear_result(one);
    const Segments segments(loop.length(), options_);
    std::size_t bytes = 0;
    for (Block& block : probe.blocks_) {
      block.derivatives->record(one.theta0, block.x[0], block.y[0], T(1), kernels::Start::fresh, block.gradient.data());
      const std::size_t record = block.derivatives->used_bytes();
      block.derivatives->differentiate(one.theta0.data(), block.gradient.data(), destination(block.dx_of_step),
                                       destination(block.dy_of_step));
      bytes += block.derivatives->reserved_bytes() + static_cast<std::size_t>(segments.longest() - 1) * record;
    }
    const auto samples = [&](Index twice) {  // of all steps: in the blocks, and the derivatives there and in the result
      Index values = 0;
      for (std::size_t s = 0; s < loop.x.size(); ++s) {
        values += (1 + (options_.differentiate_x ? twice : 0)) * loop.x[s].size();
        values += (1 + (options_.differentiate_y ? twice : 0)) * loop.y[s].size();
      }
      return values + (options_.differentiate_x ? loop.x[0].size() : 0) +
             (options_.differentiate_y ? loop.y[0].size() : 0);
    };
    const auto thetas = segments.longest() + 1 + segments.count() - 1 + 3 + static_cast<Index>(probe.blocks_.size());
    const Index values = thetas * loop.theta0.size() + samples(2) + loop.length();
    return bytes + static_cast<std::size_t>(values) * sizeof(T);
  }

 private:
  /// The samples of one block and what is computed from them. Blocks share nothing that they write.
  struct Block {
    std::unique_ptr<LossDerivatives<T>> derivatives;
    std::vector<Tensor<T>> x, y;       // of each step
    std::vector<Tensor<T>> dx, dy;     // of each step
    Tensor<T> dx_of_step, dy_of_step;  // of the present step
    T weight = 0;                      // its share of the samples
    T loss = 0;
    T slope = 0;         // its part of <lambda, g_t>
    Tensor<T> gradient;  // its part of g_t, then of the Hessian-vector product
  };

  void start(const InnerLoop<T>& loop) {
    loop.check();
    const SampleBlocks cut(loop.x.front().shape()[0], options_.samples_per_block);
    blocks_.resize(static_cast<std::size_t>(cut.count()));
    for (std::size_t b = 0; b < blocks_.size(); ++b) {
      Block& block = blocks_[b];
      if (!block.derivatives) {
        block.derivatives = loss_derivatives<T>(inner_loss_, options_.second_derivative, options_.differentiate_x,
                                                options_.differentiate_y);
      }
      block.derivatives->clear();
      block.x.resize(loop.x.size());
      block.y.resize(loop.y.size());
      for (std::size_t s = 0; s < loop.x.size(); ++s) {
        const Range range = cut[static_cast<Index>(b)];
        copy_samples(loop.x[s], range.begin, range.size(), block.x[s]);
        copy_samples(loop.y[s], range.begin, range.size(), block.y[s]);
      }
      block.weight = cut.template weight<T>(static_cast<Index>(b));
      block.gradient.resize(loop.theta0.shape());
    }
  }

  /// Forward through the inner loop, over the outer loss, and back.
  template <class OuterLoss>
  void sweep(const InnerLoop<T>& loop, const OuterLoss& outer_loss) {
    const Segments segments(loop.length(), options_);
    const Index last = segments.count() - 1;
    reserve(loop, segments);

    Tensor<T>& theta = trajectory_.front();
    theta = loop.theta0;
    for (Index t = 0; t < segments[last].begin; ++t) {
      if (segments.starts_at(t)) checkpoints_[static_cast<std::size_t>(segments.segment_of(t))] = theta;
      step(loop, t, theta, theta, false);
    }
    record(loop, segments[last]);
    result_.theta_T = trajectory_[static_cast<std::size_t>(segments[last].size())];
    differentiate_outer_loss(loop, outer_loss);

    for (Index segment = last; segment >= 0; --segment) {
      if (segment < last) {
        theta = checkpoints_[static_cast<std::size_t>(segment)];
        record(loop, segments[segment]);
      }
      for (Index t = segments[segment].end - 1; t >= segments[segment].begin; --t) step_back(loop, t);
    }
    result_.theta0 = lambda_;
  }

  void reserve(const InnerLoop<T>& loop, const Segments& segments) {
    trajectory_.resize(static_cast<std::size_t>(segments.longest() + 1));
    checkpoints_.resize(static_cast<std::size_t>(segments.count() - 1));
    for (auto* tensors : {&trajectory_, &checkpoints_}) {
      for (Tensor<T>& tensor : *tensors) tensor.resize(loop.theta0.shape());
    }
  }

  /// Steps through a segment, from trajectory_[0] on, and keeps their records.
  void record(const InnerLoop<T>& loop, Range segment) {
    for (Index t = segment.begin; t < segment.end; ++t) {
      const auto i = static_cast<std::size_t>(t - segment.begin);
      step(loop, t, trajectory_[i], trajectory_[i + 1], true);
    }
  }

  /// lambda = dL/d theta_T
  template <class OuterLoss>
  void differentiate_outer_loss(const InnerLoop<T>& loop, const OuterLoss& outer_loss) {
    result_.outer_loss = outer_loss(std::as_const(result_.theta_T), lambda_);
    if (!std::isfinite(result_.outer_loss)) {
      throw DivergenceError(message("hypergradient: the outer loss is ",
                                    std::isnan(result_.outer_loss) ? "NaN" : "infinite", " after ", loop.length(),
                                    " inner steps"));
    }
    if (lambda_.shape() != loop.theta0.shape()) {
      throw ShapeError(message("hypergradient: the outer loss wrote a gradient ", lambda_.shape(), " for theta ",
                               loop.theta0.shape()));
    }
  }

  /// to = theta_{t+1} = theta_t - eta_t g_t, with from = theta_t; the two may be one.
  void step(const InnerLoop<T>& loop, Index t, const Tensor<T>& from, Tensor<T>& to, bool keep) {
    const auto s = static_cast<std::size_t>(t % loop.steps());
    for_each_block([&](Block& block) {
      LossDerivatives<T>& derivatives = *block.derivatives;
      T* g = block.gradient.data();
      block.loss = keep ? derivatives.record(from, block.x[s], block.y[s], block.weight, kernels::Start::fresh, g)
                        : derivatives.gradient(from, block.x[s], block.y[s], block.weight, kernels::Start::fresh, g);
    });
    check_finite(t);
    subtract_gradients(loop.learning_rates[t], from, to);
  }

  /// The four equations above, for the newest record, which is of step t.
  void step_back(const InnerLoop<T>& loop, Index t) {
    const T eta = loop.learning_rates[t];
    const auto s = static_cast<std::size_t>(t % loop.steps());
    for_each_block([&](Block& block) {
      block.slope = block.derivatives->differentiate(lambda_.data(), block.gradient.data(),
                                                     destination(block.dx_of_step), destination(block.dy_of_step));
      if (options_.differentiate_x) subtract(eta, block.dx_of_step, block.dx[s]);
      if (options_.differentiate_y) subtract(eta, block.dy_of_step, block.dy[s]);
    });
    T d_eta = 0;
    for (const Block& block : blocks_) d_eta -= block.slope;
    result_.learning_rates[t] = d_eta;
    subtract_gradients(eta, lambda_, lambda_);
  }

  void clear_result(const InnerLoop<T>& loop) {
    const auto clear = [](Tensor<T>& tensor, const Shape& shape) {
      tensor.resize(shape);
      tensor.fill(T(0));
    };
    const auto clear_all = [&](const std::vector<Tensor<T>>& like, std::vector<Tensor<T>>& tensors) {
      tensors.resize(like.size());
      for (std::size_t s = 0; s < like.size(); ++s) clear(tensors[s], like[s].shape());
    };
    clear(result_.learning_rates, loop.learning_rates.shape());
    if (options_.differentiate_x) clear_all(loop.x, result_.x);
    if (options_.differentiate_y) clear_all(loop.y, result_.y);
    for (Block& block : blocks_) {
      if (options_.differentiate_x) {
        clear_all(block.x, block.dx);
        block.dx_of_step.resize(block.x[0].shape());
      }
      if (options_.differentiate_y) {
        clear_all(block.y, block.dy);
        block.dy_of_step.resize(block.y[0].shape());
      }
    }
  }

  /// Puts the blocks' samples back together.
  void collect(const InnerLoop<T>& loop) {
    const SampleBlocks cut(loop.x.front().shape()[0], options_.samples_per_block);
    for (std::size_t b = 0; b < blocks_.size(); ++b) {
      const Range range = cut[static_cast<Index>(b)];
      for (std::size_t s = 0; s < loop.x.size(); ++s) {
        if (options_.differentiate_x) set_samples(result_.x[s], range.begin, blocks_[b].dx[s]);
        if (options_.differentiate_y) set_samples(result_.y[s], range.begin, blocks_[b].dy[s]);
      }
    }
  }

  /// Where a derivative by the samples goes; null if nobody asked for it.
  static T* destination(Tensor<T>& tensor) { return tensor.shape().rank() == 0 ? nullptr : tensor.data(); }

  static void subtract(T factor, const Tensor<T>& from, Tensor<T>& to) {
    for (Index i = 0; i < to.size(); ++i) to[i] -= factor * from[i];
  }

  /// to = from - eta times the sum of what the blocks hold, added up in their order; the two may be one.
  void subtract_gradients(T eta, const Tensor<T>& from, Tensor<T>& to) const {
    // Sharing the elements out is worth it only for a long vector.
    const Index size = to.size(), parts = std::min<Index>(team_.size(), size / 8192 + 1);
    team_.for_each(parts, [&](Index part, int) {
      const Index begin = size * part / parts, end = size * (part + 1) / parts;
      const T* before = from.data();
      for (const Block& block : blocks_) {
        const T* gradient = block.gradient.data();
        for (Index i = begin; i < end; ++i) to[i] = before[i] - eta * gradient[i];
        before = to.data();
      }
    });
  }

  void check_finite(Index t) const {
    T loss = 0;
    for (const Block& block : blocks_) loss += block.weight * block.loss;
    if (!std::isfinite(loss)) {
      throw DivergenceError(
          message("hypergradient: the inner loss is ", std::isnan(loss) ? "NaN" : "infinite", " at inner step ", t));
    }
  }

  template <class Body>
  void for_each_block(const Body& body) {
    team_.for_each(static_cast<Index>(blocks_.size()),
                   [&](Index b, int) { body(blocks_[static_cast<std::size_t>(b)]); });
  }

  InnerLoss inner_loss_;
  UnrollOptions options_;
  WorkerTeam team_;
  std::vector<Block> blocks_;
  std::vector<Tensor<T>> trajectory_;   // theta_t of the present segment, and of the step after it
  std::vector<Tensor<T>> checkpoints_;  // theta_t at the start of each segment but the last
  Tensor<T> lambda_;
  Hypergradient<T> result_;
};

/// The hypergradient of one inner loop, for an outer loss that records a scalar from theta: see Unroll for the rest.
///
///     auto h = hypergradient(loop, inner_loss, [&](Var<double> theta) { return softmax_cross_entropy(...); });
template <class T, class InnerLoss, class OuterLoss>
Hypergradient<T> hypergradient(const InnerLoop<T>& loop, const InnerLoss& inner_loss, const OuterLoss& outer_loss,
                               UnrollOptions options = {}, WorkerTeam team = WorkerTeam(1)) {
  Unroll<T, InnerLoss> unroll(inner_loss, options, team);
  return unroll(loop, [&](const Tensor<T>& theta, Tensor<T>& gradient_out) {
    Tape<T> tape;
    const Var<T> leaf = tape.leaf(theta);
    const Var<T> loss = outer_loss(leaf);
    gradient_out = gradient(loss, leaf).value();
    return loss.item();
  });
}

}  // namespace hypertape
