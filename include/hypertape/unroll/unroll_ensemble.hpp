#pragma once

#include <algorithm>
#include <optional>
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
template <class T>
class UnrollEnsemble {
 public:
  /// As for Unroll; a budget of memory is shared by the threads.
  explicit UnrollEnsemble(const InnerLoss<T>& inner_loss, UnrollOptions options = {},
                          const WorkerTeam& team = WorkerTeam(1))
      : inner_loss_(inner_loss), options_(std::move(options)), team_(team) {
    own_ = options_;
    own_.schedule = options_.schedule.shared_by(team.size());
    use(true);
  }

  /// One loop for each task. `outer_loss(i, worker)` gives the outer loss of task i, in one of the forms of
  /// unroll/outer_loss.hpp; several threads ask for one at once, each with a worker of its own (0 .. team size - 1),
  /// which may own the memory that it needs. Returns the mean over tasks of the outer losses, of the inner losses, and
  /// of all derivatives; a derivative that some tasks have in another shape or not at all, as those with respect to
  /// data may, is a scalar 0 there. theta_T and state_T are those of the last task; `results` has those of each.
  /// @throws ArgumentError if there is no task, or tasks have different rules; as Unroll does, naming the task.
  template <class OuterLossOf>
  const Hypergradient<T>& operator()(std::span<const InnerLoop<T>> tasks, const OuterLossOf& outer_loss) {
    return run(
        tasks.size(), [&](std::size_t i, InnerLoop<T>&) -> const InnerLoop<T>& { return tasks[i]; }, outer_loss,
        "task");
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
    const auto from = [&](std::size_t i, InnerLoop<T>& own) -> const InnerLoop<T>& {
      own = loop;
      own.theta0 = theta0[i];
      return own;
    };
    return run(theta0.size(), from, outer_loss, "initialization");
  }

  /// The results of each task of the last call.
  std::span<const Hypergradient<T>> results() const { return results_; }

  /// What the unrolls of a new object will hold after so many tasks like this one, as Unroll's `predicted_bytes`.
  /// @throws ArgumentError, as a call would, if a budget of memory has no schedule.
  std::size_t predicted_bytes(const InnerLoop<T>& task, std::size_t count) const {
    const bool apart = work_apart(count);
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
  const Hypergradient<T>& run(std::size_t count, const LoopOf& loop_of, const OuterLossOf& outer_loss,
                              const char* what) {
    if (count == 0) throw ArgumentError("UnrollEnsemble: needs at least one ", what);
    results_.resize(count);
    const auto run_one = [&](Unroll<T>& unroll, InnerLoop<T>& room, std::size_t i, int worker) {
      named(what, i, [&] { results_[i] = unroll(loop_of(i, room), outer_loss(static_cast<Index>(i), worker)); });
    };
    const bool apart = work_apart(count);
    use(apart);
    if (apart) {
      team_.for_each(static_cast<Index>(count), [&](Index i, int w) {
        Worker& worker = alone_[static_cast<std::size_t>(w)];
        run_one(worker.unroll, worker.loop, static_cast<std::size_t>(i), w);
      });
    } else {
      for (std::size_t i = 0; i < count; ++i) run_one(*together_, room_, i, 0);
    }
    take_mean(what);
    return mean_;
  }

  /// Whether there are tasks for every thread, so that each takes whole ones.
  bool work_apart(std::size_t count) const { return count >= static_cast<std::size_t>(team_.size()); }

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
  static void named(const char* what, std::size_t i, const Body& body) {
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

  /// The mean over tasks, added up in their order.
  void take_mean(const char* what) {
    for (std::size_t i = 1; i < results_.size(); ++i) {
      if (results_[i].rule->name() == results_[0].rule->name()) continue;
      throw ArgumentError("UnrollEnsemble: ", what, ' ', i, " has the rule ", results_[i].rule->name(), ", the first ",
                          results_[0].rule->name());
    }
    mean_ = results_.front();
    const T share = T(1) / static_cast<T>(results_.size());
    const auto scale = [share](Tensor<T>& tensor) {
      for (T& value : tensor.values()) value *= share;
    };
    common_.clear();
    const auto add = [&](const InputName&, Tensor<T>& to, const Tensor<T>& from) {
      if (to.shape() != from.shape()) return;
      for (Index j = 0; j < to.size(); ++j) to[j] += share * from[j];
      common_.push_back(&to);
    };
    for_each_input([&](const InputName&, Tensor<T>& tensor) { scale(tensor); }, mean_);
    scale(mean_.inner_losses);
    mean_.outer_loss *= share;
    bool same_losses = true;
    for (std::size_t i = 1; i < results_.size(); ++i) {
      const Tensor<T>& losses = results_[i].inner_losses;
      same_losses = same_losses && losses.shape() == mean_.inner_losses.shape();
      for (Index j = 0; same_losses && j < losses.size(); ++j) mean_.inner_losses[j] += share * losses[j];
      for_each_input(add, mean_, results_[i]);
      mean_.outer_loss += share * results_[i].outer_loss;
    }
    // What some task has not, or has in another shape, has no mean.
    const auto drop = [&](const InputName&, Tensor<T>& tensor) {
      if (std::ranges::count(common_, &tensor) + 1 < static_cast<std::ptrdiff_t>(results_.size())) tensor = Tensor<T>();
    };
    for_each_input(drop, mean_);
    if (!same_losses) mean_.inner_losses = Tensor<T>();
    mean_.theta_T = results_.back().theta_T;
    mean_.state_T = results_.back().state_T;
  }

  InnerLoss<T> inner_loss_;
  UnrollOptions options_, own_;  // of the shared one, and of each that works apart
  WorkerTeam team_;
  std::optional<Unroll<T>> together_;
  InnerLoop<T> room_;
  std::vector<Worker> alone_;
  std::vector<Hypergradient<T>> results_;
  Hypergradient<T> mean_;
  std::vector<const Tensor<T>*> common_;  // tensors of the mean, once for each task that has them too
};

}  // namespace hypertape::inline HYPERTAPE_ABI
