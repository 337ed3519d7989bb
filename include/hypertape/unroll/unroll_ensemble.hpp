#pragma once

#include <algorithm>
#include <functional>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "hypertape/core/communicator.hpp"
#include "hypertape/unroll/unroll.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

/// The mean of the hypergradients of several inner loops. These may be one loop from several initial weights, for the
/// derivative of the expected loss under random initialization (Wang et al. 2018, Algorithm 1), or tasks with their own
/// data, as in meta-learning.
///
/// With at least as many loops as threads, each thread takes whole loops, and no thread waits before the end. With
/// fewer, the threads share the steps of one loop after another. The bits are the same either way, and also if several
/// processes share the loops (`TaskShare`): each then gets the means, but only the results of its own loops.
template <class T>
class UnrollEnsemble {
 public:
  /// As for Unroll; threads share a memory budget. The ranks must outlive the object.
  explicit UnrollEnsemble(const InnerLoss<T>& inner_loss, UnrollOptions options = {},
                          const WorkerTeam& team = WorkerTeam(1), const Communicator& ranks = Communicator::alone());

  /// Runs one loop for each task. `outer_loss(i, worker)` returns the outer loss of task i, in one of the forms of
  /// unroll/outer_loss.hpp. Several threads call it at once, each with its own worker number (0 .. team size - 1), by
  /// which it can choose memory to use. Returns the mean over tasks of the outer losses, the inner losses and all
  /// derivatives. A derivative whose shape differs between tasks, or that some tasks lack, as with data, becomes a
  /// scalar 0. theta_T and state_T are those of the last task, or absent if several processes share the tasks;
  /// `results` has them for each task. Pass all tasks on every rank. @throws ArgumentError if there is no task, or
  /// tasks have different rules; otherwise what Unroll throws, naming the task.
  template <class OuterLossOf>
  const Hypergradient<T>& operator()(std::span<const InnerLoop<T>> tasks, const OuterLossOf& outer_loss) {
    for (std::size_t i = 1; i < tasks.size(); ++i) {
      if (tasks[i].rule->name() == tasks[0].rule->name()) continue;
      throw ArgumentError("UnrollEnsemble: task ", i, " has the rule ", tasks[i].rule->name(), ", the first ",
                          tasks[0].rule->name());
    }
    const auto of_task = [&](Index i, InnerLoop<T>&) -> const InnerLoop<T>& {
      return tasks[static_cast<std::size_t>(i)];
    };
    const auto count = static_cast<Index>(tasks.size());
    run(count, of_task, outer_loss, "task");
    take_mean(count,
              [&](Index i) { detail::zeros_like(tasks[static_cast<std::size_t>(i)], options_.differentiate, room_); });
    return mean_;
  }

  /// Runs one loop from each of several initial weights (P), which replace its own. @throws ShapeError if their shapes
  /// differ; otherwise as above.
  template <class OuterLossOf>
  const Hypergradient<T>& operator()(const InnerLoop<T>& loop, std::span<const Tensor<T>> theta0,
                                     const OuterLossOf& outer_loss) {
    for (std::size_t i = 1; i < theta0.size(); ++i) {
      if (theta0[i].shape() == theta0[0].shape()) continue;
      throw ShapeError("UnrollEnsemble: initialization ", i, " is ", theta0[i].shape(), ", the first is ",
                       theta0[0].shape());
    }
    const auto count = static_cast<Index>(theta0.size());
    each(
        loop, count, [&](Index i) -> const Tensor<T>& { return theta0[static_cast<std::size_t>(i)]; }, outer_loss);
    take_mean(count, {});
    return mean_;
  }

  /// Computes the hypergradients for this rank's share of `count` initial weights, without their mean. `theta0_of(i)`
  /// returns weights number i; it is called when they are needed, from several threads at once. @throws as above; all
  /// ranks throw what any of them throws.
  template <class Theta0Of, class OuterLossOf>
  std::span<const Hypergradient<T>> each(const InnerLoop<T>& loop, Index count, const Theta0Of& theta0_of,
                                         const OuterLossOf& outer_loss) {
    const auto from = [&](Index i, InnerLoop<T>& own) -> const InnerLoop<T>& {
      own = loop;
      own.theta0 = theta0_of(i);
      return own;
    };
    run(count, from, outer_loss, "initialization");
    return results_;
  }

  /// The results of the last call for each task of this rank's share.
  std::span<const Hypergradient<T>> results() const { return results_; }

  /// Predicts what the unrolls of a new object will hold after `count` tasks like this one, as Unroll's
  /// `predicted_bytes` does. @throws ArgumentError, like a call, if no schedule fits a memory budget.
  std::size_t predicted_bytes(const InnerLoop<T>& task, std::size_t count) const;

  /// Bytes held by all of them.
  std::size_t reserved_bytes() const;

 private:
  struct Worker {
    Unroll<T> unroll;
    InnerLoop<T> loop;
  };

  /// Runs the tasks; `loop_of(i, room)` returns the loop of task i, and may build it in `room`, which is the thread's
  /// own.
  template <class LoopOf, class OuterLossOf>
  void run(Index count, const LoopOf& loop_of, const OuterLossOf& outer_loss, const char* what) {
    if (count == 0) throw ArgumentError("UnrollEnsemble: needs at least one ", what);
    const Range own = TaskShare(*ranks_, count).tasks;
    results_.resize(static_cast<std::size_t>(own.size()));
    const auto run_one = [&](Unroll<T>& unroll, InnerLoop<T>& room, Index place, int worker) {
      const Index i = own.begin + place;
      named(what, i,
            [&] { results_[static_cast<std::size_t>(place)] = unroll(loop_of(i, room), outer_loss(i, worker)); });
    };
    const bool apart = work_apart(own.size());
    use(apart);
    together(*ranks_, [&] {
      if (apart) {
        team_.for_each(own.size(), [&](Index place, int w) {
          Worker& worker = alone_[static_cast<std::size_t>(w)];
          run_one(worker.unroll, worker.loop, place, w);
        });
      } else {
        for (Index place = 0; place < own.size(); ++place) run_one(*together_, room_, place, 0);
      }
    });
  }

  /// Whether there are enough tasks for each thread to take whole ones.
  bool work_apart(Index count) const { return count >= team_.size(); }

  /// Creates the unrolls that threads use separately, or the one that they share. A memory budget covers only one of
  /// the two, so the other is then freed.
  void use(bool apart);

  /// Runs body and adds the task's name to its errors.
  template <class Body>
  static void named(const char* what, Index i, const Body& body) {
    try {
      body();
    } catch (const DivergenceError& error) {
      throw DivergenceError(what, ' ', i, ": ", error.what());
    } catch (const ShapeError& error) {
      throw ShapeError(what, ' ', i, ": ", error.what());
    } catch (const ArgumentError& error) {
      throw ArgumentError(what, ' ', i, ": ", error.what());
    }
  }

  /// Computes the mean over tasks, added in task order. `places_of(i)` gives `room_` the shapes of the derivatives of
  /// another rank's task; if it is empty, all tasks have the same shapes.
  void take_mean(Index count, const std::function<void(Index)>& places_of);

  /// Replaces by a scalar 0 whatever some task lacks or has in another shape.
  void keep_common(Index count, const std::function<void(Index)>& places_of) {
    common_.clear();
    bool same_losses = true;
    const auto compare = [&](InnerLoop<T>& other, const Shape& losses) {
      const auto count_common = [&](const InputName&, Tensor<T>& to, const Tensor<T>& from) {
        if (to.shape() == from.shape()) common_.push_back(&to);
      };
      for_each_input(count_common, mean_, other);
      same_losses = same_losses && losses == mean_.inner_losses.shape();
    };
    for (Hypergradient<T>& result : results_) compare(result, result.inner_losses.shape());
    const Range own = TaskShare(*ranks_, count).tasks;
    std::ptrdiff_t all = own.size();
    for (Index i = 0; places_of && i < count; ++i) {
      if (i >= own.begin && i < own.end) continue;
      places_of(i);
      compare(room_, Shape{room_.length() / room_.steps(), room_.steps()});
      ++all;
    }
    const auto drop = [&](const InputName&, Tensor<T>& tensor) {
      if (std::ranges::count(common_, &tensor) < all) tensor = Tensor<T>();
    };
    for_each_input(drop, mean_);
    if (!same_losses) mean_.inner_losses = Tensor<T>();
  }

  InnerLoss<T> inner_loss_;
  UnrollOptions options_, own_;  // for the shared unroll, and for each separate one
  WorkerTeam team_;
  const Communicator* ranks_;
  std::optional<Unroll<T>> together_;
  InnerLoop<T> room_;
  std::vector<Worker> alone_;
  std::vector<Hypergradient<T>> results_;
  Hypergradient<T> mean_;
  std::vector<const Tensor<T>*> common_;      // tensors of the mean, once for each task that has them
  std::vector<std::span<T>> parts_;           // tensors of the mean
  std::vector<std::vector<const T*>> terms_;  // the same tensors of each task's results
};

template <class T>
UnrollEnsemble<T>::UnrollEnsemble(const InnerLoss<T>& inner_loss, UnrollOptions options, const WorkerTeam& team,
                                  const Communicator& ranks)
    : inner_loss_(inner_loss), options_(std::move(options)), team_(team), ranks_(&ranks) {
  own_ = options_;
  own_.schedule = options_.schedule.shared_by(team.size());
  use(true);
}

template <class T>
std::size_t UnrollEnsemble<T>::predicted_bytes(const InnerLoop<T>& task, std::size_t count) const {
  const bool apart = work_apart(TaskShare(*ranks_, static_cast<Index>(count)).tasks.size());
  const Unroll<T> probe(inner_loss_, apart ? own_ : options_);
  return probe.predicted_bytes(task) * (apart ? static_cast<std::size_t>(team_.size()) : 1);
}

template <class T>
std::size_t UnrollEnsemble<T>::reserved_bytes() const {
  std::size_t bytes = detail::reserved_bytes(mean_);
  for (const Hypergradient<T>& result : results_) bytes += detail::reserved_bytes(result);
  if (together_) bytes += together_->reserved_bytes();
  for (const Worker& worker : alone_) bytes += worker.unroll.reserved_bytes() + detail::input_bytes(worker.loop);
  return bytes;
}

template <class T>
void UnrollEnsemble<T>::use(bool apart) {
  const bool budget = !options_.schedule.is_concrete();
  if (apart && alone_.empty()) {
    for (int w = 0; w < team_.size(); ++w) alone_.push_back({Unroll<T>(inner_loss_, own_), {}});
  }
  if (!apart && !together_) together_.emplace(inner_loss_, options_, team_);
  if (budget && apart) together_.reset();
  if (budget && !apart) alone_.clear();
}

template <class T>
void UnrollEnsemble<T>::take_mean(Index count, const std::function<void(Index)>& places_of) {
  mean_ = results_.front();
  keep_common(count, places_of);
  const auto is_kept = [](const Tensor<T>& tensor) { return tensor.shape().rank() > 0; };
  const bool losses = is_kept(mean_.inner_losses);
  parts_.clear();
  const auto add_part = [&](const InputName&, Tensor<T>& to) {
    if (is_kept(to)) parts_.push_back(to.values());
  };
  for_each_input(add_part, mean_);
  if (losses) parts_.push_back(mean_.inner_losses.values());
  parts_.push_back({&mean_.outer_loss, 1});
  terms_.assign(results_.size(), {});
  for (std::size_t i = 0; i < results_.size(); ++i) {
    const auto add_term = [&](const InputName&, const Tensor<T>& to, const Tensor<T>& from) {
      if (is_kept(to)) terms_[i].push_back(from.data());
    };
    for_each_input(add_term, mean_, results_[i]);
    if (losses) terms_[i].push_back(results_[i].inner_losses.data());
    terms_[i].push_back(&results_[i].outer_loss);
  }
  mean_over_ranks<T>(*ranks_, count, parts_, terms_);
  mean_.theta_T = ranks_->size() == 1 ? results_.back().theta_T : Tensor<T>();
  mean_.state_T = ranks_->size() == 1 ? results_.back().state_T : optim::State<T>();
}

}  // namespace hypertape::inline HYPERTAPE_ABI
