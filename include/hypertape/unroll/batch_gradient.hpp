#pragma once

#include <algorithm>
#include <vector>

#include "hypertape/autodiff/gradient.hpp"
#include "hypertape/core/parallel.hpp"
#include "hypertape/unroll/sample_blocks.hpp"

namespace hypertape {

/// The loss of a batch and its gradient in theta, for a loss(theta, x, y) that is a mean over samples (plus, if any,
/// terms of theta alone), computed block by block in parallel. Keep the object: its tapes are reused.
template <class T>
class BatchGradient {
 public:
  explicit BatchGradient(WorkerTeam team, Index samples_per_block = outer_samples_per_block)
      : team_(team), samples_per_block_(samples_per_block), workers_(static_cast<std::size_t>(team.size())) {}

  /// `load(range, x, y)` must fill the tensors x and y with the samples of that range; it and the loss are called from
  /// several threads at once. Returns the loss and writes its gradient, of theta's shape (P). @throws ArgumentError if
  /// there are no samples.
  template <class Loss, class Load>
  T operator()(const Loss& loss, const Tensor<T>& theta, Index samples, const Load& load, Tensor<T>& gradient_out) {
    const SampleBlocks blocks(samples, samples_per_block_);
    const Index groups = std::min(blocks.count(), max_groups);
    groups_.resize(static_cast<std::size_t>(groups));
    gradient_out.resize(theta.shape());
    team_.session([&] {
      accumulate(loss, theta, blocks, load);
      add_groups(gradient_out);
    });
    T total = 0;
    for (const Group& group : groups_) total += group.loss;
    return total;
  }

  /// The same for a batch in memory: x (N, ...) and y (N, ...).
  template <class Loss>
  T operator()(const Loss& loss, const Tensor<T>& theta, const Tensor<T>& x, const Tensor<T>& y,
               Tensor<T>& gradient_out) {
    if (x.shape()[0] != y.shape()[0]) {
      throw ShapeError(
          message("BatchGradient: x is ", x.shape(), " but y is ", y.shape(), "; their numbers of samples differ"));
    }
    const auto load = [&](Range range, Tensor<T>& x_block, Tensor<T>& y_block) {
      x_block = samples(x, range.begin, range.size());
      y_block = samples(y, range.begin, range.size());
    };
    return (*this)(loss, theta, x.shape()[0], load, gradient_out);
  }

 private:
  /// Partial sums are kept for this many groups of blocks, not for each block, to bound the memory by 16 P values.
  static constexpr Index max_groups = 16;

  struct Worker {
    Tape<T> tape;
    Tensor<T> x, y;
  };
  struct Group {
    T loss = 0;
    Tensor<T> gradient;
  };

  /// The sums of loss and gradient over each group's blocks.
  template <class Loss, class Load>
  void accumulate(const Loss& loss, const Tensor<T>& theta, const SampleBlocks& blocks, const Load& load) {
    const auto groups = static_cast<Index>(groups_.size());
    team_.for_each(groups, [&](Index g, int w) {
      Group& group = groups_[static_cast<std::size_t>(g)];
      group.loss = 0;
      group.gradient.resize(theta.shape());
      group.gradient.fill(T(0));
      const Index end = blocks.count() * (g + 1) / groups;
      for (Index block = blocks.count() * g / groups; block < end; ++block) {
        Worker& worker = workers_[static_cast<std::size_t>(w)];
        load(blocks[block], worker.x, worker.y);
        add_block(loss, theta, blocks.template weight<T>(block), worker, group);
      }
    });
  }

  /// The groups' gradients, added up in their order.
  void add_groups(Tensor<T>& out) {
    team_.for_each(max_groups, [&](Index part, int) {
      const Range range{out.size() * part / max_groups, out.size() * (part + 1) / max_groups};
      std::copy(groups_[0].gradient.data() + range.begin, groups_[0].gradient.data() + range.end,
                out.data() + range.begin);
      for (std::size_t g = 1; g < groups_.size(); ++g) {
        const T* from = groups_[g].gradient.data();
        for (Index i = range.begin; i < range.end; ++i) out[i] += from[i];
      }
    });
  }

  template <class Loss>
  static void add_block(const Loss& loss, const Tensor<T>& theta, T weight, Worker& worker, Group& group) {
    Tape<T>& tape = worker.tape;
    tape.reset();
    const Var<T> theta_var = tape.view(theta.shape(), theta.data());
    const Var<T> value =
        loss(theta_var, tape.view(worker.x.shape(), worker.x.data()), tape.view(worker.y.shape(), worker.y.data()));
    const T* g = gradient(value, theta_var).data();
    group.loss += weight * value.item();
    for (Index i = 0; i < theta.size(); ++i) group.gradient[i] += weight * g[i];
  }

  WorkerTeam team_;
  Index samples_per_block_;
  std::vector<Worker> workers_;
  std::vector<Group> groups_;
};

}  // namespace hypertape
