#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "hypertape/core/communicator.hpp"
#include "hypertape/core/micro_batches.hpp"
#include "hypertape/core/parallel.hpp"
#include "hypertape/unroll/loss_derivatives.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

/// The loss of a batch and its gradient with respect to theta, computed block by block in parallel. The loss(theta, x,
/// y) (an `InnerLoss`) must be a mean over samples, plus terms of theta alone, if any. Keep the object: it reuses its
/// memory.
template <class T>
class BatchGradient {
 public:
  /// Cuts batches into blocks of at most `samples_per_block`, shared by the ranks, which must outlive it, and each
  /// rank's team.
  explicit BatchGradient(const InnerLoss<T>& loss, WorkerTeam team = WorkerTeam(1),
                         Index samples_per_block = detail::outer_samples_per_block,
                         const Communicator& ranks = Communicator::alone());

  /// Returns the loss and writes its gradient, with theta's shape (P), on every rank. `load(range, x, y)` must fill the
  /// tensors x and y with the samples of that range and resize them to fit. It and the loss are called from several
  /// threads at once. @throws ArgumentError if there are no samples, ShapeError if x or y has another number of
  /// samples, DivergenceError if the loss or a derivative is not finite.
  template <class Load>
  T operator()(const Tensor<T>& theta, Index samples, const Load& load, Tensor<T>& gradient_out) {
    const detail::MicroBatches blocks(samples, samples_per_block_);
    const Index groups = (std::min)(blocks.count(), most_groups(theta.size()));
    const Range own = detail::part_of(groups, ranks_->rank(), ranks_->size());
    groups_.resize(static_cast<std::size_t>(own.size()));
    gradient_out.resize(theta.shape());
    for (Worker& worker : workers_) worker.derivatives->clear();
    T total = 0;
    team_.session([&] {
      accumulate(theta, blocks, groups, own, load);
      const std::array<std::span<T>, 2> sums{gradient_out.values(), {&total, 1}};
      sum_over_ranks<T>(*ranks_, sums, [&](std::size_t part, Range range, std::span<T> sum) {
        add_groups(part == 0, own.begin == 0, range, sum);
      });
    });
    if (!std::isfinite(total)) {
      throw DivergenceError("BatchGradient: the loss is ", std::isnan(total) ? "NaN" : "infinite");
    }
    if (!gradient_out.all_finite()) throw DivergenceError("BatchGradient: the gradient is not finite");
    return total;
  }

  /// The same for a batch in memory: x (N, ...) and y (N, ...).
  T operator()(const Tensor<T>& theta, const Tensor<T>& x, const Tensor<T>& y, Tensor<T>& gradient_out);

  /// Bytes held by the object.
  std::size_t reserved_bytes() const;

 private:
  /// Partial sums are kept for groups of blocks rather than for each block, to bound their memory. There are as many
  /// groups as threads may share: 16, or for a long theta as many as fit in 32 MB, but at least four. Their number must
  /// not depend on the number of threads.
  static Index most_groups(Index weights) {
    constexpr Index bytes = Index{32} << 20;
    return std::clamp<Index>(bytes / (weights * static_cast<Index>(sizeof(T))), 4, 16);
  }

  struct Worker {
    std::optional<detail::LossDerivatives<T>> derivatives;
    std::array<Tensor<T>, 2> data;  // x and y
  };
  struct Group {
    T loss = 0;
    Tensor<T> gradient;
  };

  static void check_samples(Range wanted, const Worker& worker);

  /// Sums loss and gradient over the blocks of each of this rank's groups; `groups` counts those of all ranks.
  template <class Load>
  void accumulate(const Tensor<T>& theta, const detail::MicroBatches& blocks, Index groups, Range own,
                  const Load& load) {
    team_.for_each(own.size(), [&](Index g, int w) {
      Worker& worker = workers_[static_cast<std::size_t>(w)];
      Group& group = groups_[static_cast<std::size_t>(g)];
      group.loss = 0;
      group.gradient.resize(theta.shape());
      auto mode = kernels::OutputMode::write;
      const Range some = detail::part_of(blocks.count(), own.begin + g, groups);
      for (Index block = some.begin; block < some.end; ++block) {
        load(blocks[block], worker.data[0], worker.data[1]);
        check_samples(blocks[block], worker);
        const T weight = blocks.template weight<T>(block);
        group.loss += weight * worker.derivatives->gradient({theta, worker.data}, weight, mode, group.gradient.data());
        mode = kernels::OutputMode::accumulate;
      }
    });
  }

  /// Adds the groups' gradients, or losses, in order; the very first is written instead.
  void add_groups(bool gradients, bool first, Range range, std::span<T> sum);

  WorkerTeam team_;
  const Communicator* ranks_;
  Index samples_per_block_;
  std::vector<Worker> workers_;
  std::vector<Group> groups_;
};

template <class T>
BatchGradient<T>::BatchGradient(const InnerLoss<T>& loss, WorkerTeam team, Index samples_per_block,
                                const Communicator& ranks)
    : team_(team),
      ranks_(&ranks),
      samples_per_block_(samples_per_block),
      workers_(static_cast<std::size_t>(team.size())) {
  for (Worker& worker : workers_) {
    worker.derivatives.emplace(loss, SecondDerivative::forward_over_reverse, "BatchGradient: the loss");
  }
}

template <class T>
T BatchGradient<T>::operator()(const Tensor<T>& theta, const Tensor<T>& x, const Tensor<T>& y,
                               Tensor<T>& gradient_out) {
  if (x.shape()[0] != y.shape()[0]) {
    throw ShapeError("BatchGradient: x is ", x.shape(), " but y is ", y.shape(), "; their numbers of samples differ");
  }
  const auto load = [&](Range range, Tensor<T>& x_block, Tensor<T>& y_block) {
    detail::copy_samples(x, range.begin, range.size(), x_block);
    detail::copy_samples(y, range.begin, range.size(), y_block);
  };
  return (*this)(theta, x.shape()[0], load, gradient_out);
}

template <class T>
std::size_t BatchGradient<T>::reserved_bytes() const {
  std::size_t bytes = 0;
  for (const Worker& worker : workers_) {
    bytes += worker.derivatives->reserved_bytes();
    bytes += worker.data[0].reserved_bytes() + worker.data[1].reserved_bytes();
  }
  for (const Group& group : groups_) bytes += group.gradient.reserved_bytes();
  return bytes;
}

template <class T>
void BatchGradient<T>::check_samples(Range wanted, const Worker& worker) {
  for (const Tensor<T>& tensor : worker.data) {
    if (tensor.shape()[0] == wanted.size()) continue;
    throw ShapeError("BatchGradient: load must give ", wanted.size(), " samples, got ", tensor.shape());
  }
}

template <class T>
void BatchGradient<T>::add_groups(bool gradients, bool first, Range range, std::span<T> sum) {
  team_.for_each_range(range.size(), [&](Range some) {
    for (std::size_t g = 0; g < groups_.size(); ++g) {
      const T* from = gradients ? groups_[g].gradient.data() + range.begin : &groups_[g].loss;
      if (first && g == 0) {
        std::copy(from + some.begin, from + some.end, sum.data() + some.begin);
      } else {
        for (Index i = some.begin; i < some.end; ++i) sum[static_cast<std::size_t>(i)] += from[i];
      }
    }
  });
}

}  // namespace hypertape::inline HYPERTAPE_ABI
