#pragma once

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <utility>

#include "hypertape/core/config.hpp"
#include "hypertape/core/error.hpp"
#include "hypertape/core/shape.hpp"

#if HYPERTAPE_HAS_OPENMP
#include <omp.h>
#endif

namespace hypertape {

/// Threads that share out independent tasks. Without OpenMP every team has one worker.
///
/// Which worker runs a task is left to chance, so a task must write only what belongs to the task: then results do
/// not depend on the number of threads. This is the only place of the library that opens a parallel region.
class WorkerTeam {
 public:
  /// `threads` workers; 0 means OpenMP's default (OMP_NUM_THREADS, or the processors). @throws ArgumentError if
  /// negative.
  explicit WorkerTeam(int threads = 0) {
    if (threads < 0) throw ArgumentError(message("WorkerTeam: the number of threads cannot be ", threads));
#if HYPERTAPE_HAS_OPENMP
    size_ = threads == 0 ? omp_get_max_threads() : threads;
#endif
  }

  int size() const { return size_; }

  /// True while this thread runs a task, even of a team of one: what the task calls must not fan out again.
  static bool inside_task() { return inside_task_; }

  /// Calls task(index, worker) for each index in 0 .. count - 1, worker in 0 .. size() - 1. Inside a task of any team
  /// it runs serially. The first exception of a task ends the loop and is thrown again here.
  template <class Task>
  void for_each(Index count, const Task& task) const {
    if (size_ == 1 || count <= 1 || inside_task()) {
      const TaskScope scope;
      for (Index index = 0; index < count; ++index) task(index, 0);
      return;
    }
#if HYPERTAPE_HAS_OPENMP
    std::atomic<Index> next{0};
    std::exception_ptr failure;
    std::mutex failure_lock;
#pragma omp parallel num_threads(static_cast <int>(std::min <Index>(size_, count)))
    {
      const TaskScope scope;
      const int worker = omp_get_thread_num();
      try {
        for (Index index = next++; index < count; index = next++) task(index, worker);
      } catch (...) {
        const std::scoped_lock guard(failure_lock);
        if (!failure) failure = std::current_exception();
        next = count;
      }
    }
    if (failure) std::rethrow_exception(failure);
#endif
  }

 private:
  inline static thread_local bool inside_task_ = false;

  struct TaskScope {
    bool outer = std::exchange(inside_task_, true);
    TaskScope() = default;
    TaskScope(const TaskScope&) = delete;
    TaskScope& operator=(const TaskScope&) = delete;
    ~TaskScope() { inside_task_ = outer; }
  };

  int size_ = 1;
};

/// How many threads one operation on a large tensor should use: the default team's size if `multiply_adds` are worth
/// a team, at most one for each of `count` items, and 1 inside a task.
inline Index parallel_parts(Index count, Index multiply_adds) {
  constexpr Index worth_a_team = Index{1} << 20;
  if (multiply_adds < worth_a_team || WorkerTeam::inside_task()) return 1;
  return std::min<Index>(count, WorkerTeam().size());
}

/// Cuts 0 .. count - 1 into `parts` contiguous ranges and calls body(part, range) for each, in parallel. The body must
/// compute each index on its own, so that the bits do not depend on the cut.
template <class Body>
void parallel_ranges(Index parts, Index count, const Body& body) {
  if (parts == 1) return body(Index{0}, Range{0, count});
  WorkerTeam(static_cast<int>(parts)).for_each(parts, [&](Index part, int) {
    body(part, Range{count * part / parts, count * (part + 1) / parts});
  });
}

}  // namespace hypertape
