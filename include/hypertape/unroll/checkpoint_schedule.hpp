#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <ostream>
#include <vector>

#include "hypertape/core/error.hpp"
#include "hypertape/core/shape.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

/// The next action of the sweeps. They have a stack of checkpoints, a stack of records, and the trajectory, which holds
/// the points before and after the recorded steps, one more than there are records. Its last point is the current one.
/// A point is theta_t with the state of the update rule.
struct ScheduleAction {
  /// The kind of an action at step t.
  enum class Kind : unsigned char {
    advance,  ///< takes step t from the current point, which the new point replaces; nothing is recorded
    save,     ///< pushes the current point, which is before step t, on the stack of checkpoints
    restore,  ///< makes the newest checkpoint, which is before step t, the current point; it stays on the stack
    drop,     ///< pops the newest checkpoint, which is before step t
    record,   ///< takes step t and pushes its record; the trajectory grows by a point
    reverse,  ///< differentiates step t, whose record is the newest; pops the record and the last point
  };
  Kind kind;   ///< what to do
  Index step;  ///< t
  /// Whether kind and step agree.
  friend bool operator==(const ScheduleAction&, const ScheduleAction&) = default;
};

/// What is kept of T inner steps between the forward and the backward sweep. All schedules give the same bits, since
/// repeating a step repeats its arithmetic. They differ in memory and in extra gradients: steps taken without a record,
/// in addition to the one recording of each step. With n = ceil(T / k) segments for `every(k)`, and r as in
/// `binomial(c)`:
///
///     schedule     extra gradients        checkpoints     records   points of the trajectory
///     store_all    0                      0               T         T + 1
///     every(k)     (n - 1) k              n - 1           k         k + 1
///     recompute    T - 1                  T - 1           1         2
///     binomial(c)  r T - beta(c+1, r-1)   min(c, T - 1)   1         2
///
/// where T counts the steps that derivatives go through.
class Schedule {
 public:
  /// Records each step in the forward sweep: fastest; memory grows with T records.
  static Schedule store_all() { return {Kind::store_all, 0}; }

  /// Keeps the point before each step, and one record at a time: memory grows with T points. Same as every(1).
  static Schedule recompute() { return {Kind::recompute, 0}; }

  /// Keeps a checkpoint at every k-th step; k = 0 means the rounded square root of T. The last segment is recorded in
  /// the forward sweep, each earlier one from its checkpoint when the backward sweep reaches it. @throws ArgumentError
  /// if k < 0.
  static Schedule every(Index k = 0) {
    if (k < 0) throw ArgumentError("Schedule::every: the interval must be positive, or 0 for sqrt(T), got ", k);
    return {Kind::every, k};
  }

  /// Needs the fewest extra gradients of all schedules with one record at a time and at most c checkpoints, including
  /// the first point (Griewank and Walther, "Algorithm 799: revolve", ACM Transactions on Mathematical Software 26(1),
  /// 2000). Let beta(s, r) = (s + r)! / (s! r!). For up to T = beta(c, r) steps, each step is taken at most r times in
  /// addition to its recording; beta(c, r-1) < T <= beta(c, r) steps need r T - beta(c+1, r-1) extra gradients. Memory
  /// does not grow with T: c = 10 and r = 5 are enough for 3,003 steps. @throws ArgumentError if c < 1.
  static Schedule binomial(Index checkpoints) {
    if (checkpoints < 1) throw ArgumentError("Schedule::binomial: needs at least one checkpoint, got ", checkpoints);
    return {Kind::binomial, checkpoints};
  }

  /// Chooses, from the other schedules, the one with the fewest extra gradients that fits this memory: see `fitted`.
  /// @throws ArgumentError for a budget of 0 bytes.
  static Schedule memory_budget(std::size_t bytes) {
    if (bytes == 0) throw ArgumentError("Schedule::memory_budget: needs at least one byte");
    return {Kind::memory_budget, 0, bytes};
  }

  /// The schedule for each of several sharers of this one: a budget is divided among them, any other schedule is
  /// unchanged. @throws ArgumentError if there is less than one byte for each.
  Schedule shared_by(int sharers) const {
    return is_concrete() ? *this : memory_budget(bytes_ / static_cast<std::size_t>(sharers));
  }

  /// Calls the function for this kind of schedule: store_all(), recompute(), every(k), binomial(c) or
  /// memory_budget(bytes).
  template <class StoreAll, class Recompute, class Every, class Binomial, class Budget>
  auto visit(const StoreAll& store_all, const Recompute& recompute, const Every& every, const Binomial& binomial,
             const Budget& budget) const {
    switch (kind_) {
      case Kind::store_all:
        return store_all();
      case Kind::recompute:
        return recompute();
      case Kind::every:
        return every(number_);
      case Kind::binomial:
        return binomial(number_);
      case Kind::memory_budget:
        break;
    }
    return budget(bytes_);
  }

  /// Whether the actions are known; for a budget, they are those of the schedule that is fitted to it.
  bool is_concrete() const { return kind_ != Kind::memory_budget; }

  /// The number of steps taken without a record. @throws ArgumentError for a budget, like the next two functions.
  Index extra_gradients(Index steps) const {
    if (kind_ != Kind::binomial) return checkpoints(steps) * interval(steps);
    if (steps < 2) return 0;
    const Index c = checkpoints(steps);
    const Repetition repeated(steps, c);
    return repeated.r * steps - repeated.beta * repeated.r / (c + 1);  // beta(c+1, r-1) by beta(c, r)
  }

  /// The most checkpoints that exist at a time.
  Index checkpoints(Index steps) const {
    if (kind_ == Kind::binomial) return std::clamp<Index>(steps - 1, 0, number_);
    const Index k = interval(steps);
    return std::max<Index>(0, (steps + k - 1) / k - 1);
  }

  /// The most records that exist at a time; the trajectory has one point more.
  Index records(Index steps) const { return (std::min)(steps, interval(steps)); }

  /// Calls visit(ScheduleAction) for all actions on steps [first, end), in order. Initially the current point is the
  /// one before step `first`. Steps before `window_begin` are only advanced. Steps are reversed from the last down to
  /// `window_begin`; the outer loss belongs right before the first reversal. @throws ArgumentError for a budget, or
  /// unless first <= window_begin <= end.
  template <class Visit>
  void for_each_action(Index first, Index window_begin, Index end, const Visit& visit) const {
    std::vector<Index> saved;
    for_each_action(first, window_begin, end, saved, visit);
  }

  /// The same, with memory from the caller for the steps of the saved checkpoints.
  template <class Visit>
  void for_each_action(Index first, Index window_begin, Index end, std::vector<Index>& saved,
                       const Visit& visit) const {
    if (first > window_begin || window_begin > end) {
      throw ArgumentError("Schedule: the window from step ", window_begin, " is not within steps ", first, " to ", end);
    }
    const Index k = interval(end - window_begin);
    for (Index t = first; t < window_begin; ++t) visit(ScheduleAction{Action::advance, t});
    if (kind_ == Kind::binomial) {
      visit_binomial(window_begin, end, saved, visit);
    } else {
      visit_segments(k, window_begin, end, visit);
    }
  }

  /// The same as a list, at 16 bytes per action; reuses the list's memory.
  void plan(Index first, Index window_begin, Index end, std::vector<ScheduleAction>& actions) const {
    actions.clear();
    for_each_action(first, window_begin, end, [&](ScheduleAction action) { actions.push_back(action); });
  }

  /// Among the schedules for which predict(schedule) bytes are within the budget, the one with the fewest extra
  /// gradients when derivatives go through `steps` steps. A concrete schedule is returned unchanged. The prediction
  /// must grow with the numbers of points and of records that exist at a time. It is called at most about sqrt(T) + 2
  /// log2(T) times:
  ///
  /// - n segments take the least memory, and the fewest extra gradients, with k = ceil(T / n).
  /// - Up to n = sqrt(T), one more segment shortens all: it adds a checkpoint but saves at least one record and one
  ///   point of the trajectory. So bisection finds the smallest n that fits.
  /// - Intervals below sqrt(T) trade records for points. They are tried in order of their extra gradients.
  /// - `binomial` needs at least as many extra gradients as any of these, and fewer with more checkpoints: bisection
  ///   again.
  ///
  /// The returned schedule fits even if the prediction does not grow as required. @throws ArgumentError if nothing
  /// fits, with the budget, the smallest sufficient one and the schedule that needs it.
  template <class Predict>
  Schedule fitted(Index steps, const Predict& predict) const {
    if (is_concrete()) return *this;
    std::size_t least = (std::numeric_limits<std::size_t>::max)();
    Schedule smallest = store_all();
    const auto fits = [&](Schedule schedule) {
      const std::size_t bytes = predict(schedule);
      if (bytes < least) {
        least = bytes;
        smallest = schedule;
      }
      return bytes <= bytes_;
    };

    if (fits(store_all())) return store_all();
    const auto in_segments = [steps](Index n) { return every((steps + n - 1) / n); };
    Index root = 1;
    while ((root + 1) * (root + 1) <= steps) ++root;
    const Index fewest = first_that(2, root + 1, [&](Index n) { return fits(in_segments(n)); });
    std::vector<Schedule> candidates;
    for (Index n = fewest; n <= root; ++n) candidates.push_back(in_segments(n));
    for (Index k = in_segments(root).number_ - 1; k >= 1; --k) candidates.push_back(k > 1 ? every(k) : recompute());
    std::ranges::stable_sort(candidates, {}, [steps](Schedule s) { return s.extra_gradients(steps); });
    if (const auto found = std::ranges::find_if(candidates, fits); found != candidates.end()) return *found;

    // binomial(steps - 1) is recompute.
    const Index spared = first_that(1, steps - 1, [&](Index i) { return fits(binomial(steps - 1 - i)); });
    if (spared < steps - 1) return binomial(steps - 1 - spared);
    throw ArgumentError("Schedule::memory_budget: ", steps, steps == 1 ? " step does" : " steps do", " not fit into ",
                        bytes_, " bytes; the least is ", least, " bytes (", smallest, ")");
  }

  /// Whether kind and number agree.
  friend bool operator==(const Schedule&, const Schedule&) = default;

  /// Writes the schedule as text: "store all", "every 7", "binomial, 5 checkpoints", "a budget of 64 MB".
  friend std::ostream& operator<<(std::ostream& stream, const Schedule& schedule) {
    switch (schedule.kind_) {
      case Kind::store_all:
        return stream << "store all";
      case Kind::recompute:
        return stream << "recompute";
      case Kind::every:
        return schedule.number_ > 0 ? stream << "every " << schedule.number_ : stream << "every sqrt(T)";
      case Kind::binomial:
        return stream << "binomial, " << schedule.number_ << (schedule.number_ == 1 ? " checkpoint" : " checkpoints");
      case Kind::memory_budget:
        break;
    }
    return stream << "a budget of " << static_cast<double>(schedule.bytes_) / 1e6 << " MB";
  }

 private:
  using Action = ScheduleAction::Kind;
  enum class Kind : unsigned char { store_all, recompute, every, binomial, memory_budget };

  Schedule(Kind kind, Index number, std::size_t bytes = 0) : kind_(kind), number_(number), bytes_(bytes) {}

  /// The number of steps in a segment, whose steps are recorded one after another.
  Index interval(Index steps) const {
    const Index longest = std::max<Index>(1, steps);
    switch (kind_) {
      case Kind::store_all:
        return longest;
      case Kind::recompute:
      case Kind::binomial:
        return 1;
      case Kind::every:
        return (std::min)(longest, number_ > 0 ? number_ : std::lround(std::sqrt(longest)));
      case Kind::memory_budget:
        break;
    }
    throw ArgumentError("Schedule: ", *this, " has no actions, only the schedule that is fitted to it");
  }

  template <class Visit>
  static void visit_segments(Index k, Index begin, Index end, const Visit& visit) {
    const auto record_and_reverse = [&](Index from, Index to) {
      for (Index t = from; t < to; ++t) visit(ScheduleAction{Action::record, t});
      for (Index t = to - 1; t >= from; --t) visit(ScheduleAction{Action::reverse, t});
    };
    Index segment = begin;
    for (; segment + k < end; segment += k) {
      visit(ScheduleAction{Action::save, segment});
      for (Index t = segment; t < segment + k; ++t) visit(ScheduleAction{Action::advance, t});
    }
    record_and_reverse(segment, end);
    while (segment > begin) {
      segment -= k;
      visit(ScheduleAction{Action::restore, segment});
      visit(ScheduleAction{Action::drop, segment});
      record_and_reverse(segment, segment + k);
    }
  }

  /// Steps [at, end) remain to be reversed from their checkpoint. The next checkpoint goes where both parts together
  /// are cheapest; the steps behind it are reversed first. A single step needs no checkpoint.
  template <class Visit>
  void visit_binomial(Index at, Index end, std::vector<Index>& saved, const Visit& visit) const {
    saved.clear();
    if (end - at > 1) {
      saved.push_back(at);
      visit(ScheduleAction{Action::save, at});
    }
    while (at < end) {
      while (end - at > 1) {
        const Index next = at + steps_to_next(end - at, number_ - static_cast<Index>(saved.size()) + 1);
        for (; at < next; ++at) visit(ScheduleAction{Action::advance, at});
        if (end - at > 1) {
          saved.push_back(at);
          visit(ScheduleAction{Action::save, at});
        }
      }
      visit(ScheduleAction{Action::record, at});
      visit(ScheduleAction{Action::reverse, at});
      end = at;
      if (saved.empty()) return;
      at = saved.back();
      visit(ScheduleAction{Action::restore, at});
      if (end - at == 1) {
        saved.pop_back();
        visit(ScheduleAction{Action::drop, at});
      }
    }
  }

  /// Finds r with beta(c, r-1) < l <= beta(c, r), for l >= 2 steps and c < l.
  struct Repetition {
    Index r = 0, beta = 1, beta_before = 0;  // beta(c, r) and beta(c, r-1)
    Repetition(Index l, Index c) {
      while (beta < l) {
        ++r;
        beta_before = beta;
        beta = beta * (c + r) / r;
      }
    }
  };

  /// The distance from the checkpoint at the start of l >= 2 steps to the next, with c checkpoints left including that
  /// one. The first m steps are reversed with c checkpoints, r - 1 times each, and the others with c - 1, r times each,
  /// whenever beta(c, r-2) <= m <= beta(c, r-1) and beta(c-1, r-1) <= l - m <= beta(c-1, r). Returns the largest such
  /// m.
  static Index steps_to_next(Index l, Index available) {
    const Index c = (std::min)(available, l - 1);
    const Repetition repeated(l, c);
    return (std::min)(repeated.beta_before, l - repeated.beta_before * c / (c + repeated.r - 1));
  }

  /// The first i of [begin, end) with holds(i), or end; holds is false before it and true after it.
  template <class Holds>
  static Index first_that(Index begin, Index end, const Holds& holds) {
    while (begin < end) {
      const Index middle = begin + (end - begin) / 2;
      if (holds(middle)) {
        end = middle;
      } else {
        begin = middle + 1;
      }
    }
    return begin;
  }

  Kind kind_;
  Index number_;       // k of `every`, c of `binomial`
  std::size_t bytes_;  // of a budget
};

}  // namespace hypertape::inline HYPERTAPE_ABI
