#pragma once

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>
#include <vector>

#include "hypertape/autodiff/gradient.hpp"
#include "hypertape/autodiff/jvp.hpp"
#include "hypertape/core/parallel.hpp"
#include "hypertape/kernels/reduce.hpp"
#include "hypertape/ops/arithmetic.hpp"
#include "hypertape/unroll/inner_loop.hpp"
#include "hypertape/unroll/sample_blocks.hpp"

namespace hypertape {

/// How the second derivatives of an inner step are taken; both give the same values to rounding.
enum class SecondDerivative {
  forward_over_reverse,  ///< the tangent along lambda is pushed through the recorded gradient
  reverse_over_reverse,  ///< <lambda, gradient> is recorded, and pulled back
};

/// What is kept of the inner steps between the forward and the backward sweep.
enum class MemoryPolicy {
  every_tape,  ///< each step's whole tape: fastest, memory grows with T times the activations
  recompute,   ///< theta_t alone; the backward sweep records each step anew: memory grows with T times P
};

struct UnrollOptions {
  SecondDerivative second_derivative = SecondDerivative::forward_over_reverse;
  MemoryPolicy memory_policy = MemoryPolicy::every_tape;

  /// Which inputs besides theta_0 and the learning rates to differentiate.
  bool differentiate_x = true;
  bool differentiate_y = false;

  /// Cuts each step's samples into blocks of at most this many, which threads share. Only for an inner loss that is a
  /// mean over samples (terms of theta alone may come on top). 0 takes all at once: right for any loss.
  Index samples_per_block = 0;
};

/// dL(theta_T) by everything that the inner loop was given.
template <class T>
struct Hypergradient {
  T outer_loss = 0;
  Tensor<T> theta_T;         ///< (P), the trained weights
  Tensor<T> theta0;          ///< (P)
  std::vector<Tensor<T>> x;  ///< as InnerLoop::x; empty unless asked for
  std::vector<Tensor<T>> y;  ///< as InnerLoop::y; empty unless asked for
  Tensor<T> learning_rates;  ///< (epochs, steps)
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
/// object: it reuses its tapes.
template <class T, class InnerLoss>
class Unroll {
 public:
  explicit Unroll(InnerLoss inner_loss, UnrollOptions options = {}, WorkerTeam team = WorkerTeam(1))
      : inner_loss_(std::move(inner_loss)), options_(options), team_(team) {}

  /// Runs the inner loop alone and returns theta_T, which stays valid until the next call. @throws ShapeError if the
  /// loop's parts do not fit; DivergenceError, naming the step, if a loss is not finite, or if theta_T is not.
  const Tensor<T>& train(const InnerLoop<T>& loop) {
    start(loop);
    team_.session([&] {
      for (Index t = 0; t < loop.length(); ++t) step(loop, t, false);
    });
    if (!thetas_.back().all_finite()) {
      throw DivergenceError(message("hypergradient: the weights are not finite after ", loop.length(), " inner steps"));
    }
    return thetas_.back();
  }

  /// `outer_loss(theta, gradient)` returns L(theta) and writes its gradient to a tensor of theta's shape.
  /// @throws as `train`, and DivergenceError if the outer loss is not finite.
  template <class OuterLoss>
  const Hypergradient<T>& operator()(const InnerLoop<T>& loop, const OuterLoss& outer_loss) {
    start(loop);
    team_.session([&] { sweep(loop, outer_loss); });
    collect(loop);
    return result_;
  }

  /// Bytes that the tapes and the trajectory hold.
  std::size_t reserved_bytes() const {
    std::size_t bytes = thetas_.size() * static_cast<std::size_t>(lambda_.size()) * sizeof(T);
    for (const Block& block : blocks_) bytes += block.tape.reserved_bytes();
    return bytes;
  }

 private:
  /// One recorded step of one block: its arguments and its gradients by them.
  struct Record {
    typename Tape<T>::Mark before;
    Var<T> theta, x, y;
    Var<T> d_theta, d_x, d_y;
  };

  /// The samples of one block and what is computed from them. Blocks share nothing that they write.
  struct Block {
    Tape<T> tape;
    std::vector<Tensor<T>> x, y;    // of each step
    std::vector<Tensor<T>> dx, dy;  // of each step
    std::vector<Record> records;    // of each step whose tape is kept
    T weight = 0;                   // its share of the samples
    T loss = 0;
    T lambda_dot_gradient = 0;
    Tensor<T> gradient;  // by theta, then the Hessian-vector product
  };

  void start(const InnerLoop<T>& loop) {
    loop.check();
    const SampleBlocks cut(loop.x.front().shape()[0], options_.samples_per_block);
    blocks_.resize(static_cast<std::size_t>(cut.count()));
    for (std::size_t b = 0; b < blocks_.size(); ++b) {
      Block& block = blocks_[b];
      block.tape.reset();
      block.records.clear();
      block.x.resize(loop.x.size());
      block.y.resize(loop.y.size());
      for (std::size_t s = 0; s < loop.x.size(); ++s) {
        if (loop.x[s].shape()[0] != loop.x[0].shape()[0]) {
          throw ShapeError(message("InnerLoop: every step needs as many samples, step 0 has ", loop.x[0].shape(),
                                   ", step ", s, " ", loop.x[s].shape()));
        }
        const Range range = cut[static_cast<Index>(b)];
        block.x[s] = samples(loop.x[s], range.begin, range.size());
        block.y[s] = samples(loop.y[s], range.begin, range.size());
      }
      block.weight = cut.template weight<T>(static_cast<Index>(b));
      block.gradient.resize(loop.theta0.shape());
    }
    thetas_.resize(static_cast<std::size_t>(loop.length()) + 1, Tensor<T>(loop.theta0.shape()));
    for (Tensor<T>& theta : thetas_) theta.resize(loop.theta0.shape());
    thetas_.front() = loop.theta0;
  }

  /// Forward through the inner loop, over the outer loss, and back.
  template <class OuterLoss>
  void sweep(const InnerLoop<T>& loop, const OuterLoss& outer_loss) {
    const bool keep = options_.memory_policy == MemoryPolicy::every_tape;
    for (Index t = 0; t < loop.length(); ++t) step(loop, t, keep);

    result_.theta_T = thetas_.back();
    result_.outer_loss = outer_loss(result_.theta_T, lambda_);
    if (!std::isfinite(result_.outer_loss)) {
      throw DivergenceError(message("hypergradient: the outer loss is ",
                                    std::isnan(result_.outer_loss) ? "NaN" : "infinite", " after ", loop.length(),
                                    " inner steps"));
    }
    if (lambda_.shape() != loop.theta0.shape()) {
      throw ShapeError(message("hypergradient: the outer loss wrote a gradient ", lambda_.shape(), " for theta ",
                               loop.theta0.shape()));
    }
    clear_result(loop);
    for (Index t = loop.length() - 1; t >= 0; --t) step_back(loop, t, keep);
    result_.theta0 = lambda_;
  }

  /// theta_{t+1} = theta_t - eta_t g_t
  void step(const InnerLoop<T>& loop, Index t, bool keep) {
    for_each_block([&](Block& block) {
      const auto before = block.tape.mark();
      const Record record = record_gradient(loop, t, block);
      std::copy_n(record.d_theta.data(), record.d_theta.size(), block.gradient.data());
      if (keep) {
        block.records.push_back(record);
      } else {
        block.tape.rewind(before);
      }
    });
    check_finite(t);
    const Tensor<T>& from = theta(t);
    Tensor<T>& to = theta(t + 1);
    for_each_part(from.size(), [&](Range range) {
      std::copy(from.data() + range.begin, from.data() + range.end, to.data() + range.begin);
      subtract_gradients(loop.learning_rates[t], range, to);
    });
  }

  /// The four equations above, for step t.
  void step_back(const InnerLoop<T>& loop, Index t, bool kept) {
    const T eta = loop.learning_rates[t];
    const auto s = static_cast<std::size_t>(t % loop.steps());
    for_each_block([&](Block& block) {
      Record record;
      if (kept) {
        record = block.records.back();
        block.records.pop_back();
      } else {
        record = record_gradient(loop, t, block);
      }
      block.lambda_dot_gradient = kernels::dot(lambda_.size(), lambda_.data(), record.d_theta.data());
      const Record second = differentiate(record, block.tape);
      if (options_.differentiate_x) subtract(eta * block.weight, second.d_x, block.dx[s]);
      if (options_.differentiate_y) subtract(eta * block.weight, second.d_y, block.dy[s]);
      std::copy_n(second.d_theta.data(), second.d_theta.size(), block.gradient.data());
      block.tape.rewind(record.before);
    });
    T d_eta = 0;
    for (const Block& block : blocks_) d_eta -= block.weight * block.lambda_dot_gradient;
    result_.learning_rates[t] = d_eta;
    for_each_part(lambda_.size(), [&](Range range) { subtract_gradients(eta, range, lambda_); });
  }

  /// l(theta_t, x, y) of one block, and its gradients.
  Record record_gradient(const InnerLoop<T>& loop, Index t, Block& block) {
    const auto s = static_cast<std::size_t>(t % loop.steps());
    Tape<T>& tape = block.tape;
    Record record;
    record.before = tape.mark();
    record.theta = tape.view(theta(t).shape(), theta(t).data());
    record.x = tape.view(block.x[s].shape(), block.x[s].data());
    record.y = tape.view(block.y[s].shape(), block.y[s].data());
    const Var<T> loss = inner_loss_(record.theta, record.x, record.y);
    block.loss = loss.item();
    // Forward over reverse needs the gradients by x and y on the tape; reverse over reverse makes its own.
    const bool all = options_.second_derivative == SecondDerivative::forward_over_reverse;
    const Selection arguments(record, all && options_.differentiate_x, all && options_.differentiate_y);
    Var<T> gradients[3];
    gradient<T>(loss, arguments.vars(), std::span<Var<T>>(gradients, arguments.count));
    arguments.store(gradients, record);
    return record;
  }

  /// d/d(theta, x, y) <lambda, g_t> of one block.
  Record differentiate(const Record& record, Tape<T>& tape) const {
    const Var<T> lambda = tape.view(lambda_.shape(), lambda_.data());
    const Selection arguments(record, options_.differentiate_x, options_.differentiate_y);
    Var<T> derivatives[3];
    const std::span<Var<T>> out(derivatives, arguments.count);
    if (options_.second_derivative == SecondDerivative::forward_over_reverse) {
      Var<T> outputs[3] = {record.d_theta};
      std::size_t count = 1;
      if (options_.differentiate_x) outputs[count++] = record.d_x;
      if (options_.differentiate_y) outputs[count++] = record.d_y;
      jvp<T>(std::span<const Var<T>>(outputs, count), std::span<const Var<T>>(&record.theta, 1),
             std::span<const Var<T>>(&lambda, 1), out);
    } else {
      gradient<T>(dot(lambda, record.d_theta), arguments.vars(), out);
    }
    Record second;
    arguments.store(derivatives, second);
    return second;
  }

  /// Theta and those of x and y that are differentiated, in this order.
  struct Selection {
    Var<T> selected[3];
    std::size_t count = 1;
    bool x, y;

    Selection(const Record& record, bool with_x, bool with_y) : selected{record.theta}, x(with_x), y(with_y) {
      if (x) selected[count++] = record.x;
      if (y) selected[count++] = record.y;
    }
    std::span<const Var<T>> vars() const { return {selected, count}; }
    void store(const Var<T>* derivatives, Record& record) const {
      record.d_theta = *derivatives++;
      if (x) record.d_x = *derivatives++;
      if (y) record.d_y = *derivatives;
    }
  };

  void clear_result(const InnerLoop<T>& loop) {
    result_.learning_rates.resize(loop.learning_rates.shape());
    const auto clear = [](const std::vector<Tensor<T>>& like, std::vector<Tensor<T>>& tensors) {
      tensors.resize(like.size());
      for (std::size_t s = 0; s < like.size(); ++s) {
        tensors[s].resize(like[s].shape());
        tensors[s].fill(T(0));
      }
    };
    for (Block& block : blocks_) {
      if (options_.differentiate_x) clear(block.x, block.dx);
      if (options_.differentiate_y) clear(block.y, block.dy);
    }
    if (options_.differentiate_x) clear(loop.x, result_.x);
    if (options_.differentiate_y) clear(loop.y, result_.y);
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

  static void subtract(T factor, Var<T> from, Tensor<T>& to) {
    for (Index i = 0; i < to.size(); ++i) to[i] -= factor * from.data()[i];
  }

  /// to -= eta times the mean over samples of what the blocks hold, added up in the order of blocks.
  void subtract_gradients(T eta, Range range, Tensor<T>& to) const {
    for (const Block& block : blocks_) {
      const T factor = eta * block.weight;
      for (Index i = range.begin; i < range.end; ++i) to[i] -= factor * block.gradient[i];
    }
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

  /// Shares out the elements of a flat vector; worth it only for a long one.
  template <class Body>
  void for_each_part(Index size, const Body& body) {
    const Index parts = std::min<Index>(team_.size(), size / 8192 + 1);
    team_.for_each(parts, [&](Index part, int) { body(Range{size * part / parts, size * (part + 1) / parts}); });
  }

  Tensor<T>& theta(Index t) { return thetas_[static_cast<std::size_t>(t)]; }

  InnerLoss inner_loss_;
  UnrollOptions options_;
  WorkerTeam team_;
  std::vector<Block> blocks_;
  std::vector<Tensor<T>> thetas_;
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
