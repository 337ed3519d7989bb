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

/// The mean of the hypergradients of several inner loops: of one loop from several initial weights, the derivative of
/// the expected loss of a random initialization (Wang et al. 2018, Algorithm 1); or of tasks with data of their own, as
/// in meta-learning.
///
/// With as many loops as threads or more, each thread takes whole ones, and nobody waits for anybody until the end;
/// with fewer, the threads share out the steps of one after the other. The bits are the same. So they are where several
/// processes share out the loops (`TaskShare`): each then has the means, and the results of its own loops alone.
template <class T>
class UnrollEnsemble {
 public:
  /// As for Unroll; a budget of memory is shared by the threads. The ranks must outlive it.
  explicit UnrollEnsemble(const InnerLoss<T>& inner_loss, UnrollOptions options = {},
                          const WorkerTeam& team = WorkerTeam(1), const Communicator& ranks = Communicator::alone())
      : inner_loss_(inner_loss), options_(std::move(options)), team_(team), ranks_(&ranks) {
    own_ = options_;
    own_.schedule = options_.schedule.shared_by(team.size());
    use(true);
  }

  /// One loop for each task. `outer_loss(i, worker)` gives the outer loss of task i, in one of the forms of
  /// unroll/outer_loss.hpp; several threads ask for one at once, each with a worker of its own (0 .. team size - 1),
  /// which may own the memory that it needs. Returns the mean over tasks of the outer losses, of the inner losses, and
  /// of all derivatives; a derivative that some tasks have in another shape or not at all, as those with respect to
  /// data may, is a scalar 0 there. theta_T and state_T are those of the last task, or missing if several processes
  /// share out the tasks; `results` has those of each. Every rank gets all tasks.
  /// @throws ArgumentError if there is no task, or tasks have different rules; as Unroll does, naming the task.
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

  /// One loop from each of several initial weights (P), in place of its own. @throws ShapeError if these are not of one
  /// shape; else as above.
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

  /// The hypergradients of this rank's share of `count` initial weights, without their mean: `theta0_of(i)` gives
  /// weights number i, when and where they are needed, from several threads at once. @throws as above, on all ranks
  /// what any of them throws.
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

  /// The results of each task of the last call, of this rank's share.
  std::span<const Hypergradient<T>> results() const { return results_; }

  /// What the unrolls of a new object will hold after so many tasks like this one, as Unroll's `predicted_bytes`.
  /// @throws ArgumentError, as a call would, if a budget of memory has no schedule.
  std::size_t predicted_bytes(const InnerLoop<T>& task, std::size_t count) const {
    const bool apart = work_apart(TaskShare(*ranks_, static_cast<Index>(count)).tasks.size());
    const Unroll<T> probe(inner_loss_, apart ? own_ : options_);
    return probe.predicted_bytes(task) * (apart ? static_cast<std::size_t>(team_.size()) : 1);
  }

  /// Bytes that all of them hold.
  std::size_t reserved_bytes() const {
    std::size_t bytes = detail::reserved_bytes(mean_);
    for (const Hypergradient<T>& result : results_) bytes += detail::reserved_bytes(result);
    if (together_) bytes += together_->reserved_bytes();
    for (const Worker& worker : alone_) bytes += worker.unroll.reserved_bytes() + detail::input_bytes(worker.loop);
    return bytes;
  }

 private:
  struct Worker {
    Unroll<T> unroll;
    InnerLoop<T> loop;
  };

  /// `loop_of(i, room)` is the loop of task i, which may be made in a room of the thread's own.
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

  /// Whether there are tasks for every thread, so that each takes whole ones.
  bool work_apart(Index count) const { return count >= team_.size(); }

  /// Makes the unrolls that work apart, one a thread, or the one that all threads share; a budget of memory is for
  /// either, and the others then go.
  void use(bool apart) {
    const bool budget = !options_.schedule.is_concrete();
    if (apart && alone_.empty()) {
      for (int w = 0; w < team_.size(); ++w) alone_.push_back({Unroll<T>(inner_loss_, own_), {}});
    }
    if (!apart && !together_) together_.emplace(inner_loss_, options_, team_);
    if (budget && apart) together_.reset();
    if (budget && !apart) alone_.clear();
  }

  /// Runs body, whose errors then say which task it was.
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

  /// The mean over tasks, added up in their order. `places_of(i)` makes the room a place for the derivatives of a task
  /// of another rank; if it is empty, all have theirs in the same shapes.
  void take_mean(Index count, const std::function<void(Index)>& places_of) {
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

  /// Makes a scalar 0 of what some task has not, or has in another shape.
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
  UnrollOptions options_, own_;  // of the shared one, and of each that works apart
  WorkerTeam team_;
  const Communicator* ranks_;
  std::optional<Unroll<T>> together_;
  InnerLoop<T> room_;
  std::vector<Worker> alone_;
  std::vector<Hypergradient<T>> results_;
  Hypergradient<T> mean_;
  std::vector<const Tensor<T>*> common_;      // tensors of the mean, once for each task that has them
  std::vector<std::span<T>> parts_;           // of the mean
  std::vector<std::vector<const T*>> terms_;  // of each task's results, the same
};

}  // namespace hypertape::inline HYPERTAPE_ABI
