#pragma once

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "hypertape/core/micro_batches.hpp"
#include "hypertape/core/parallel.hpp"
#include "hypertape/unroll/inner_loop.hpp"
#include "hypertape/unroll/loss_derivatives.hpp"
#include "hypertape/unroll/unroll_options.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

namespace detail {

/// The inner loss of each step and its derivatives, on blocks of samples that threads share. A block's contribution to
/// a vector over theta, first to g_t = grad_theta l and later to a Hessian-vector product, stays in the block until
/// `add` or `sum` collects it.
template <class T>
class StepBlocks {
 public:
  /// For steps of this loss; the options say how they are cut and differentiated.
  StepBlocks(InnerLoss<T> inner_loss, UnrollOptions options, WorkerTeam team)
      : inner_loss_(std::move(inner_loss)), options_(std::move(options)), team_(std::move(team)) {}

  const InnerLoss<T>& inner_loss() const { return inner_loss_; }

  /// Takes the data of all steps and drops all records. The loop must not change until the next call. Derivatives are
  /// taken with respect to the inputs for which `derivatives`, with the loop's shapes, has room; null means none.
  void load(const InnerLoop<T>& loop, InnerLoop<T>* derivatives) {
    const bool takes_phi = loop.has_hyperparameters() && inner_loss_.takes_hyperparameters();  // else the rule alone
    phi_ = takes_phi ? &loop.hyperparameters : nullptr;
    differentiates_phi_ = phi_ != nullptr && derivatives != nullptr;
    wanted_.clear();
    InnerLoop<T>& places = derivatives == nullptr ? nothing_ : *derivatives;
    const auto mark = [&](bool, const Tensor<T>&, const Tensor<T>* place) { wanted_.push_back(place != nullptr); };
    for_each_data(0, mark, loop, places);
    steps_.resize(static_cast<std::size_t>(loop.steps()));
    std::size_t most = 0;
    for (std::size_t s = 0; s < steps_.size(); ++s) {
      const MicroBatches cut(loop.samples_of(s), options_.samples_per_block);
      steps_[s].resize(static_cast<std::size_t>(cut.count()));
      most = (std::max)(most, steps_[s].size());
      for (std::size_t b = 0; b < steps_[s].size(); ++b) {
        load_block(loop, places, s, cut, static_cast<Index>(b), steps_[s][b]);
      }
    }
    blocks_.resize(most);
    for (Block& block : blocks_) {
      if (!block.derivatives) {
        block.derivatives.emplace(inner_loss_, options_.second_derivative);
      }
      block.derivatives->clear();
      block.part.resize(loop.theta0.shape());
      if (differentiates_phi_) {
        block.phi.resize(phi_->shape());
        block.phi_sum.resize(phi_->shape());
        block.phi_sum.fill(T(0));
      }
    }
  }

  /// Returns the loss of step t at theta, on the data of step s, and leaves its gradient in the blocks. `keep` records
  /// it for `gradient_vjp`; theta must not change until then.
  T gradient(const Tensor<T>& theta, std::size_t s, Index t, bool keep) {
    for_each_block(s, [&](Block& block, StepBlock& data) {
      LossDerivatives<T>& derivatives = *block.derivatives;
      T* g = block.part.data();
      const LossInputs<T> inputs = inputs_of(theta, data, t);
      block.loss = keep ? derivatives.record(inputs, data.weight, kernels::OutputMode::write, g)
                        : derivatives.gradient(inputs, data.weight, kernels::OutputMode::write, g);
    });
    T loss = 0;
    for (std::size_t b = 0; b < count_; ++b) loss += steps_[s][b].weight * blocks_[b].loss;
    return loss;
  }

  /// Differentiates the newest record, which must be on the data of step s. Returns <direction, g>; adds factor * d/dx
  /// <direction, g> to the derivative with respect to x_s, and the same for all other data and phi; leaves d/dtheta
  /// <direction, g> in the blocks; and drops the record.
  T gradient_vjp(const Tensor<T>& direction, std::size_t s, T factor) {
    for_each_block(s, [&](Block& block, StepBlock& data) {
      block.slope = block.derivatives->gradient_vjp(direction.data(), outputs_of(block, data));
      for (std::size_t i = 0; i < data.sums.size(); ++i) {
        if (wanted_[i] != 0) add_to(factor, block.data[i], data.sums[i]);
      }
      if (differentiates_phi_) add_to(factor, block.phi, block.phi_sum);
    });
    T slope = 0;
    for (std::size_t b = 0; b < count_; ++b) slope += blocks_[b].slope;
    return slope;
  }

  /// Leaves d/dtheta <direction, g> in the blocks, where g is the sum of the recorded gradients. Keeps the records.
  void hessian_product(const Tensor<T>& direction) {
    count_ = blocks_.size();
    team_.for_each(static_cast<Index>(count_), [&](Index number, int) {
      Block& block = blocks_[static_cast<std::size_t>(number)];
      block.derivatives->hessian_product(direction.data(), block.part.data());
    });
  }

  /// to = from + factor times the sum of the blocks' contributions, added in block order, for the elements of this
  /// range. `from` and `to` may be the same tensor.
  void add(T factor, const Tensor<T>& from, Tensor<T>& to, Range range) const {
    const T* before = from.data();
    for (std::size_t b = 0; b < count_; ++b) {
      const T* part = blocks_[b].part.data();
      for (Index i = range.begin; i < range.end; ++i) to[i] = before[i] + factor * part[i];
      before = to.data();
    }
  }

  /// The sum of the blocks' contributions, added in block order; it is stored in the first block.
  const Tensor<T>& sum() {
    Tensor<T>& total = blocks_.front().part;
    team_.for_each_range(total.size(), [&](Range range) {
      for (std::size_t b = 1; b < count_; ++b) {
        const T* part = blocks_[b].part.data();
        for (Index i = range.begin; i < range.end; ++i) total[i] += part[i];
      }
    });
    return total;
  }

  /// Moves the sum to `out`; the block takes over `out`'s memory in exchange.
  void take_sum(Tensor<T>& out) {
    sum();
    out.resize(blocks_.front().part.shape());
    std::swap(out, blocks_.front().part);
  }

  /// Adds the derivatives with respect to hyperparameters and data; blocks of data are put back together.
  void collect(const InnerLoop<T>& loop, InnerLoop<T>& out) const {
    if (differentiates_phi_) {
      for (const Block& block : blocks_) add_to(T(1), block.phi_sum, out.hyperparameters);
    }
    for (std::size_t s = 0; s < steps_.size(); ++s) {
      const MicroBatches cut(loop.samples_of(s), options_.samples_per_block);
      for (std::size_t b = 0; b < steps_[s].size(); ++b) {
        const Index begin = cut[static_cast<Index>(b)].begin;
        std::size_t i = 0;
        const auto add_block = [&](bool is_cut, const Tensor<T>&, Tensor<T>* place) {
          const Tensor<T>& sum = steps_[s][b].sums[i++];
          if (place == nullptr) return;
          if (is_cut) {
            add_samples(*place, begin, sum);
          } else {
            add_to(T(1), sum, *place);
          }
        };
        for_each_data(s, add_block, loop, out);
      }
    }
  }

  /// Bytes held by the object.
  std::size_t reserved_bytes() const {
    std::size_t bytes = 0;
    for (const Block& block : blocks_) bytes += tensor_bytes(block) + block.derivatives->reserved_bytes();
    for (const auto& blocks : steps_) {
      for (const StepBlock& block : blocks) bytes += bytes_of({&block.data, &block.sums});
    }
    return bytes;
  }

  /// Predicts `reserved_bytes` of a new object for this loop and these calls, where a call's kind is the number s of
  /// its data. It takes the time of two steps for each shape of data, from which it learns what they allocate.
  std::size_t predicted_bytes(const InnerLoop<T>& loop, std::span<const LossCall> calls) const {
    StepBlocks probe(inner_loss_, options_, WorkerTeam(1));
    InnerLoop<T> derivatives;
    zeros_like(loop, options_.differentiate, derivatives);
    probe.load(loop, &derivatives);
    // Steps whose blocks have the same shapes allocate the same.
    std::vector<std::size_t> kind_of(probe.steps_.size()), example;
    for (std::size_t s = 0; s < kind_of.size(); ++s) {
      const auto same = [&](std::size_t other) { return probe.same_shapes(s, other); };
      kind_of[s] = static_cast<std::size_t>(std::ranges::find_if(example, same) - example.begin());
      if (kind_of[s] == example.size()) example.push_back(s);
    }
    std::size_t bytes = 0;
    for (std::size_t b = 0; b < probe.blocks_.size(); ++b) {
      Block& block = probe.blocks_[b];
      std::vector<LossInputs<T>> kinds;
      std::vector<std::size_t> place(example.size());
      for (std::size_t k = 0; k < example.size(); ++k) {
        const std::vector<StepBlock>& blocks = probe.steps_[example[k]];
        place[k] = kinds.size();
        if (b < blocks.size()) kinds.push_back(probe.inputs_of(loop.theta0, blocks[b], 0));
      }
      std::vector<LossCall> own;
      for (const LossCall& call : calls) {
        const std::size_t k = kind_of[call.kind];
        if (b < probe.steps_[example[k]].size()) own.push_back({call.what, place[k]});
      }
      StepBlock* largest = nullptr;
      for (auto& blocks : probe.steps_) {
        if (b >= blocks.size()) continue;
        if (largest == nullptr || bytes_of({&blocks[b].data}) > bytes_of({&largest->data})) largest = &blocks[b];
      }
      const LossOutputs<T> out = probe.outputs_of(block, *largest);
      bytes += block.derivatives->predicted_bytes(kinds, own, loop.theta0.data(), block.part.data(), out);
    }
    for (const Block& block : probe.blocks_) bytes += tensor_bytes(block);
    for (const auto& blocks : probe.steps_) {
      for (const StepBlock& block : blocks) bytes += bytes_of({&block.data, &block.sums});
    }
    return bytes;
  }

 private:
  /// A block's part of the data of a step.
  struct StepBlock {
    std::vector<Tensor<T>> data;  // x, y, ...
    std::vector<Tensor<T>> sums;  // the derivatives with respect to these; scalars where not wanted
    T weight = 0;                 // its share of the samples
  };
  /// A block's own memory: blocks write nothing in common.
  struct Block {
    std::optional<LossDerivatives<T>> derivatives;
    std::vector<Tensor<T>> data;  // derivatives of the current step; scalars where not wanted
    std::vector<T*> places;       // where these begin in memory
    Tensor<T> phi, phi_sum;       // derivative of the current step, and of all steps
    Tensor<T> part;               // (P)
    T loss = 0, slope = 0;
  };

  /// Cuts block b from the data of step s, with zeros for the wanted derivatives.
  static void load_block(const InnerLoop<T>& loop, InnerLoop<T>& derivatives, std::size_t s, const MicroBatches& cut,
                         Index b, StepBlock& block) {
    block.weight = cut.template weight<T>(b);
    std::size_t i = 0;
    const auto load = [&](bool is_cut, const Tensor<T>& tensor, const Tensor<T>* derivative) {
      if (block.data.size() == i) {
        block.data.emplace_back();
        block.sums.emplace_back();
      }
      if (is_cut) {
        copy_samples(tensor, cut[b].begin, cut[b].size(), block.data[i]);
      } else {
        block.data[i] = tensor;
      }
      block.sums[i].resize(derivative == nullptr ? Shape{} : block.data[i].shape());
      block.sums[i++].fill(T(0));
    };
    for_each_data(s, load, loop, derivatives);
    block.data.resize(i);
    block.sums.resize(i);
  }

  bool same_shapes(std::size_t s, std::size_t other) const {
    const auto same_data = [](const StepBlock& a, const StepBlock& b) {
      return std::ranges::equal(a.data, b.data, {}, &Tensor<T>::shape, &Tensor<T>::shape);
    };
    return std::ranges::equal(steps_[s], steps_[other], same_data);
  }

  LossInputs<T> inputs_of(const Tensor<T>& theta, const StepBlock& block, Index t) const {
    return {theta, block.data, wanted_, phi_, t};
  }

  /// Where the derivatives of one step are written.
  LossOutputs<T> outputs_of(Block& block, const StepBlock& of_step) const {
    block.data.resize(of_step.data.size());
    block.places.assign(of_step.data.size(), nullptr);
    for (std::size_t i = 0; i < of_step.data.size(); ++i) {
      if (wanted_[i] == 0) continue;
      block.data[i].resize(of_step.data[i].shape());
      block.places[i] = block.data[i].data();
    }
    return {block.part.data(), block.places, differentiates_phi_ ? block.phi.data() : nullptr};
  }

  static std::size_t bytes_of(std::initializer_list<const std::vector<Tensor<T>>*> lists) {
    std::size_t bytes = 0;
    for (const auto* tensors : lists) {
      for (const Tensor<T>& tensor : *tensors) bytes += tensor.reserved_bytes();
    }
    return bytes;
  }
  static std::size_t tensor_bytes(const Block& block) {
    return bytes_of({&block.data}) + block.part.reserved_bytes() + block.phi.reserved_bytes() +
           block.phi_sum.reserved_bytes();
  }

  static void add_to(T factor, const Tensor<T>& from, Tensor<T>& to) {
    for (Index i = 0; i < to.size(); ++i) to[i] += factor * from[i];
  }

  /// Calls body(block, its data) for the blocks of step s, and sets count_ to their number.
  template <class Body>
  void for_each_block(std::size_t s, const Body& body) {
    std::vector<StepBlock>& blocks = steps_[s];
    count_ = blocks.size();
    team_.for_each(static_cast<Index>(count_), [&](Index number, int) {
      const auto b = static_cast<std::size_t>(number);
      body(blocks_[b], blocks[b]);
    });
  }

  /// Adds the samples of `part` (M, ...) to samples begin .. begin + M - 1.
  static void add_samples(Tensor<T>& batch, Index begin, const Tensor<T>& part) {
    const Index total = batch.shape()[0], count = part.shape()[0], features = batch.shape().features();
    for (Index f = 0; f < features; ++f) {
      for (Index n = 0; n < count; ++n) batch[f * total + begin + n] += part[f * count + n];
    }
  }

  InnerLoss<T> inner_loss_;
  UnrollOptions options_;
  WorkerTeam team_;
  std::vector<Block> blocks_;                  // as many as any step has
  std::vector<std::vector<StepBlock>> steps_;  // the data of each step
  std::vector<char> wanted_;                   // for each data tensor, whether its derivative is wanted
  const Tensor<T>* phi_ = nullptr;             // the loop's; null if it has none or the loss takes none
  InnerLoop<T> nothing_;                       // stands in when no derivatives are wanted
  bool differentiates_phi_ = false;
  std::size_t count_ = 0;  // number of blocks in the step done last
};

}  // namespace detail

}  // namespace hypertape::inline HYPERTAPE_ABI
