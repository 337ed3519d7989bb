#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "hypertape/core/micro_batches.hpp"
#include "hypertape/core/parallel.hpp"
#include "hypertape/unroll/inner_loop.hpp"
#include "hypertape/unroll/tape_derivatives.hpp"
#include "hypertape/unroll/unroll_options.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

namespace detail {

/// The inner loss of each step and its derivatives, on blocks of samples that threads share. What a block contributes
/// to a vector over theta, first to g_t = grad_theta l, later to a Hessian-vector product, stays in the block until
/// `add` takes it.
template <class T, class InnerLoss>
class StepBlocks {
 public:
  /// For steps of this loss, of which the options say how they are cut and differentiated.
  StepBlocks(InnerLoss inner_loss, const UnrollOptions& options, WorkerTeam team)
      : inner_loss_(std::move(inner_loss)), options_(options), team_(std::move(team)) {}

  /// Takes the samples of all steps and drops all records. The loop must stay as it is until the next call.
  void load(const InnerLoop<T>& loop) {
    phi_ = loop.has_hyperparameters() ? &loop.hyperparameters : nullptr;
    const MicroBatches cut(loop.x.front().shape()[0], options_.samples_per_block);
    blocks_.resize(static_cast<std::size_t>(cut.count()));
    for (std::size_t b = 0; b < blocks_.size(); ++b) {
      Block& block = blocks_[b];
      if (!block.derivatives) {
        block.derivatives = loss_derivatives<T>(
            inner_loss_, options_.second_derivative,
            {options_.differentiate_x, options_.differentiate_y, LossWithHyperparameters<InnerLoss, T>});
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
      block.part.resize(loop.theta0.shape());
    }
  }

  /// Sets the derivatives by samples and hyperparameters to zero.
  void clear_derivatives() {
    const auto clear = [](const std::vector<Tensor<T>>& like, std::vector<Tensor<T>>& sums, Tensor<T>& of_step) {
      sums.resize(like.size());
      for (std::size_t s = 0; s < like.size(); ++s) {
        sums[s].resize(like[s].shape());
        sums[s].fill(T(0));
      }
      of_step.resize(like[0].shape());
    };
    for (Block& block : blocks_) {
      if (options_.differentiate_x) clear(block.x, block.dx, block.dx_of_step);
      if (options_.differentiate_y) clear(block.y, block.dy, block.dy_of_step);
      if (phi_ == nullptr) continue;
      block.dphi.resize(phi_->shape());
      block.dphi.fill(T(0));
      block.dphi_of_step.resize(phi_->shape());
    }
  }

  /// Returns the loss at theta on the samples of step s, and leaves its gradient in the blocks; `keep` records it for
  /// `gradient_vjp`, until when theta must stay as it is.
  T gradient(const Tensor<T>& theta, std::size_t s, bool keep) {
    for_each_block([&](Block& block) {
      LossDerivatives<T>& derivatives = *block.derivatives;
      T* g = block.part.data();
      const LossInputs<T> inputs{theta, block.x[s], block.y[s], phi_};
      block.loss = keep ? derivatives.record(inputs, block.weight, kernels::OutputMode::write, g)
                        : derivatives.gradient(inputs, block.weight, kernels::OutputMode::write, g);
    });
    T loss = 0;
    for (const Block& block : blocks_) loss += block.weight * block.loss;
    return loss;
  }

  /// For the newest record, which is of step s: returns <direction, g>, adds factor * d/dx <direction, g> to the
  /// derivative by x_s, the same for y_s and phi, leaves d/dtheta <direction, g> in the blocks, and drops the record.
  T gradient_vjp(const Tensor<T>& direction, std::size_t s, T factor) {
    for_each_block([&](Block& block) {
      block.slope = block.derivatives->gradient_vjp(direction.data(), of_step(block));
      if (options_.differentiate_x) add_to(factor, block.dx_of_step, block.dx[s]);
      if (options_.differentiate_y) add_to(factor, block.dy_of_step, block.dy[s]);
      if (phi_ != nullptr) add_to(factor, block.dphi_of_step, block.dphi);
    });
    T slope = 0;
    for (const Block& block : blocks_) slope += block.slope;
    return slope;
  }

  /// to = from + factor times the sum of what the blocks hold, added up in their order, for elements of this range; the
  /// two may be one.
  void add(T factor, const Tensor<T>& from, Tensor<T>& to, Range range) const {
    const T* before = from.data();
    for (const Block& block : blocks_) {
      const T* part = block.part.data();
      for (Index i = range.begin; i < range.end; ++i) to[i] = before[i] + factor * part[i];
      before = to.data();
    }
  }

  /// Puts the derivatives by the samples back together, as the loop has its samples, and adds up those by phi.
  void collect(const InnerLoop<T>& loop, std::vector<Tensor<T>>& dx, std::vector<Tensor<T>>& dy,
               Tensor<T>& dphi) const {
    dphi.resize(loop.hyperparameters.shape());
    dphi.fill(T(0));
    if (phi_ != nullptr) {
      for (const Block& block : blocks_) add_to(T(1), block.dphi, dphi);
    }
    const MicroBatches cut(loop.x.front().shape()[0], options_.samples_per_block);
    dx.resize(options_.differentiate_x ? loop.x.size() : 0);
    dy.resize(options_.differentiate_y ? loop.y.size() : 0);
    for (std::size_t s = 0; s < dx.size(); ++s) dx[s].resize(loop.x[s].shape());
    for (std::size_t s = 0; s < dy.size(); ++s) dy[s].resize(loop.y[s].shape());
    for (std::size_t b = 0; b < blocks_.size(); ++b) {
      const Index begin = cut[static_cast<Index>(b)].begin;
      for (std::size_t s = 0; s < dx.size(); ++s) set_samples(dx[s], begin, blocks_[b].dx[s]);
      for (std::size_t s = 0; s < dy.size(); ++s) set_samples(dy[s], begin, blocks_[b].dy[s]);
    }
  }

  /// Bytes that the object holds.
  std::size_t reserved_bytes() const {
    std::size_t bytes = 0;
    for (const Block& block : blocks_) bytes += tensor_bytes(block) + block.derivatives->reserved_bytes();
    return bytes;
  }

  /// What `reserved_bytes` of a new object would be for this loop and a plan of its steps. Takes the time of two steps,
  /// from which it learns what they allocate.
  std::size_t predicted_bytes(const InnerLoop<T>& loop, const LossPlan& plan) const {
    StepBlocks probe(inner_loss_, options_, WorkerTeam(1));
    InnerLoop<T> step{loop.theta0, {loop.x.front()}, {loop.y.front()}, Tensor<T>(Shape{1, 1})};
    step.hyperparameters = loop.hyperparameters;
    probe.load(step);
    probe.clear_derivatives();
    Index more_samples = 0;  // those of the other steps
    for (std::size_t s = 1; s < loop.x.size(); ++s) {
      more_samples += (options_.differentiate_x ? 2 : 1) * loop.x[s].size();
      more_samples += (options_.differentiate_y ? 2 : 1) * loop.y[s].size();
    }
    std::size_t bytes = static_cast<std::size_t>(more_samples) * sizeof(T);
    for (Block& block : probe.blocks_) {
      bytes += tensor_bytes(block);
      bytes += block.derivatives->predicted_bytes({loop.theta0, block.x[0], block.y[0], probe.phi_}, plan,
                                                  loop.theta0.data(), block.part.data(), probe.of_step(block));
    }
    return bytes;
  }

 private:
  /// Blocks share nothing that they write.
  struct Block {
    std::unique_ptr<LossDerivatives<T>> derivatives;
    std::vector<Tensor<T>> x, y;                     // of each step
    std::vector<Tensor<T>> dx, dy;                   // of each step
    Tensor<T> dphi;                                  // of all
    Tensor<T> dx_of_step, dy_of_step, dphi_of_step;  // of the present step
    T weight = 0;                                    // its share of the samples
    T loss = 0;
    T slope = 0;
    Tensor<T> part;  // (P)
  };

  /// Where the derivatives of one step go.
  LossOutputs<T> of_step(Block& block) const {
    return {.theta = block.part.data(),
            .x = options_.differentiate_x ? block.dx_of_step.data() : nullptr,
            .y = options_.differentiate_y ? block.dy_of_step.data() : nullptr,
            .phi = phi_ != nullptr ? block.dphi_of_step.data() : nullptr};
  }

  static std::size_t tensor_bytes(const Block& block) {
    std::size_t bytes = 0;
    for (const auto* tensors : {&block.x, &block.y, &block.dx, &block.dy}) {
      for (const Tensor<T>& tensor : *tensors) bytes += tensor.reserved_bytes();
    }
    for (const Tensor<T>* tensor :
         {&block.part, &block.dx_of_step, &block.dy_of_step, &block.dphi, &block.dphi_of_step}) {
      bytes += tensor->reserved_bytes();
    }
    return bytes;
  }

  static void add_to(T factor, const Tensor<T>& from, Tensor<T>& to) {
    for (Index i = 0; i < to.size(); ++i) to[i] += factor * from[i];
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
  const Tensor<T>* phi_ = nullptr;  // the loop's; null if it has none
};

}  // namespace detail

}  // namespace hypertape::inline HYPERTAPE_ABI
