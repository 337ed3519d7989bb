#pragma once

#include <span>
#include <utility>
#include <vector>

#include "hypertape/unroll/unroll.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

/// The mean of the hypergradients of several inner loops: of one loop from several initial weights, the derivative of
/// the expected loss of a random initialization (Wang et al. 2018, Algorithm 1); or of tasks with data of their own, as
/// in meta-learning.
///
/// With as many loops as threads or more, each thread takes whole ones, and nobody waits for anybody until the end;
/// with fewer, the threads share out the steps of one after the other. The bits are the same.
template <class T, class InnerLoss>
class UnrollEnsemble {
 public:
  /// As for Unroll; a budget of memory is shared by the threads.
  explicit UnrollEnsemble(const InnerLoss& inner_loss, UnrollOptions options = {}, WorkerTeam team = WorkerTeam(1))
      : team_(team), together_(inner_loss, options, team) {
    options.schedule = options.schedule.shared_by(team.size());
    for (int w = 0; w < team.size(); ++w) alone_.push_back({Unroll<T, InnerLoss>(inner_loss, options), {}});
  }

  /// One loop for each task. `outer_loss(i, worker)` gives the outer loss of task i, in one of the forms of
  /// unroll/outer_loss.hpp; several threads ask for one at once, each with a worker of its own (0 .. team size - 1),
  /// which may own the memory that it needs. Returns the mean over tasks of the outer losses, of the inner losses, and
  /// of all derivatives; a derivative whose shape differs between tasks, as those with respect to data may, is a scalar
  /// 0 there. theta_T and state_T are those of the last task; `results` has those of each.
  /// @throws ArgumentError if there is no task; as Unroll does, a DivergenceError naming the task.
  template <class OuterLoss>
  const Hypergradient<T>& operator()(std::span<const InnerLoop<T>> tasks, const OuterLoss& outer_loss) {
    return run(
        tasks.size(), [&](std::size_t i, InnerLoop<T>&) -> const InnerLoop<T>& { return tasks[i]; }, outer_loss,
        "task");
  }

  /// One loop from each of several initial weights (P), in place of its own. @throws ShapeError if these are not of one
  /// shape; else as above.
  template <class OuterLoss>
  const Hypergradient<T>& operator()(const InnerLoop<T>& loop, std::span<const Tensor<T>> theta0,
                                     const OuterLoss& outer_loss) {
    for (std::size_t i = 1; i < theta0.size(); ++i) {
      if (theta0[i].shape() == theta0[0].shape()) continue;
      throw ShapeError("UnrollEnsemble: initialization ", i, " is ", theta0[i].shape(), ", the first is ",
                       theta0[0].shape());
    }
    const auto from = [&](std::size_t i, InnerLoop<T>& own) -> const InnerLoop<T>& {
      own = loop;
      own.theta0 = theta0[i];
      return own;
    };
    return run(theta0.size(), from, outer_loss, "initialization");
  }

  /// The results of each task of the last call.
  std::span<const Hypergradient<T>> results() const { return results_; }

  /// Bytes that all of them hold.
  std::size_t reserved_bytes() const {
    std::size_t bytes = together_.reserved_bytes();
    for (const Worker& worker : alone_) bytes += worker.unroll.reserved_bytes();
    return bytes;
  }

 private:
  struct Worker {
    Unroll<T, InnerLoss> unroll;
    InnerLoop<T> loop;
  };

  /// `loop_of(i, room)` is the loop of task i, which may be made in a room of the thread's own.
  template <class LoopOf, class OuterLoss>
  const Hypergradient<T>& run(std::size_t count, const LoopOf& loop_of, const OuterLoss& outer_loss, const char* what) {
    if (count == 0) throw ArgumentError("UnrollEnsemble: needs at least one ", what);
    results_.resize(count);
    const auto run_one = [&](Unroll<T, InnerLoss>& unroll, InnerLoop<T>& room, std::size_t i, int worker) {
      try {
        results_[i] = unroll(loop_of(i, room), outer_loss(static_cast<Index>(i), worker));
      } catch (const DivergenceError& error) {
        throw DivergenceError(what, ' ', i, ": ", error.what());
      }
    };
    if (count < static_cast<std::size_t>(team_.size())) {
      for (std::size_t i = 0; i < count; ++i) run_one(together_, alone_[0].loop, i, 0);
    } else {
      team_.for_each(static_cast<Index>(count), [&](Index i, int w) {
        Worker& worker = alone_[static_cast<std::size_t>(w)];
        run_one(worker.unroll, worker.loop, static_cast<std::size_t>(i), w);
      });
    }
    take_mean();
    return mean_;
  }

  /// The mean over tasks, added up in their order.
  void take_mean() {
    mean_ = results_.front();
    const T share = T(1) / static_cast<T>(results_.size());
    const auto scale = [share](Tensor<T>& tensor) {
      for (T& value : tensor.values()) value *= share;
    };
    const auto add = [share](const InputName&, Tensor<T>& to, const Tensor<T>& from) {
      if (to.shape() != from.shape()) {
        to = Tensor<T>();
        return;
      }
      for (Index j = 0; j < to.size(); ++j) to[j] += share * from[j];
    };
    for_each_input([&](const InputName&, Tensor<T>& tensor) { scale(tensor); }, mean_);
    scale(mean_.inner_losses);
    mean_.outer_loss *= share;
    for (std::size_t i = 1; i < results_.size(); ++i) {
      for_each_input(add, mean_, results_[i]);
      add({"inner losses"}, mean_.inner_losses, results_[i].inner_losses);
      mean_.outer_loss += share * results_[i].outer_loss;
    }
    mean_.theta_T = results_.back().theta_T;
    mean_.state_T = results_.back().state_T;
  }

  WorkerTeam team_;
  Unroll<T, InnerLoss> together_;
  std::vector<Worker> alone_;
  std::vector<Hypergradient<T>> results_;
  Hypergradient<T> mean_;
};

}  // namespace hypertape::inline HYPERTAPE_ABI
