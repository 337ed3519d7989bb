#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "hypertape/core/config.hpp"
#include "hypertape/core/error.hpp"
#include "hypertape/core/shape.hpp"

#if HYPERTAPE_HAS_OPENMP
#include <omp.h>
#endif
#if HYPERTAPE_HAS_FORK
#include <unistd.h>
#endif

namespace hypertape::inline HYPERTAPE_ABI {

/// A team of threads that share independent tasks. Without OpenMP every team has one worker. Copies of a team share its
/// threads, and only one thread at a time may use a team and its copies.
///
/// Any worker may run any task, so a task must write only its own data; then results do not depend on the number of
/// threads. No other part of the library opens a parallel region.
///
/// A loop ends when its tasks are done, not when every thread has checked in: on a busy machine, a thread that the
/// system has preempted costs its share of the work, but nobody waits for it (docs/performance.md).
///
/// A forked process lacks the threads that its parent's teams have run, and some OpenMP runtimes would wait for them
/// forever. In such a process every new team has one worker, and teams from before the fork run in the calling thread.
class WorkerTeam {
 public:
  /// A team of `threads` workers; 0 means OpenMP's default (OMP_NUM_THREADS, or the number of processors). @throws
  /// ArgumentError if `threads` is negative.
  explicit WorkerTeam(int threads = 0) : shared_(std::make_shared<Shared>()) {
    if (threads < 0) throw ArgumentError("WorkerTeam: the number of threads cannot be ", threads);
#if HYPERTAPE_HAS_OPENMP
    if (!lost_threads()) size_ = threads == 0 ? omp_get_max_threads() : threads;
#endif
  }

  /// The number of workers, including the calling thread.
  int size() const { return size_; }

  /// Whether this thread is running one of several tasks, even in a team of one. If so, its callees must not fan out
  /// again.
  static bool inside_task() { return inside_task_; }

  /// Whether this thread is in a team's session.
  static bool in_session() { return here_ != nullptr; }

  /// The team whose session this thread is in, or a team of OpenMP's default size outside of all sessions.
  static WorkerTeam here() { return here_ != nullptr ? *here_ : WorkerTeam(); }

  /// Calls task(index, worker) for each index in 0 .. count - 1, with worker in 0 .. size() - 1. Inside a task of any
  /// team the calls run serially. A single task leaves the whole team to its callees. If tasks throw, the exception of
  /// the lowest index is rethrown here, and tasks of higher indices that have not begun are skipped. @throws
  /// ArgumentError for more than a million tasks.
  template <class Task>
  void for_each(Index count, const Task& task) const {
    if (count > most_tasks) throw ArgumentError("WorkerTeam: at most ", most_tasks, " tasks, got ", count);
    if (count == 1 && !inside_task_) {
      session([&] { task(Index{0}, 0); });
    } else if (size_ == 1 || inside_task_) {
      const TaskScope scope;
      for (Index index = 0; index < count; ++index) task(index, 0);
    } else {
      session([&] { shared_->run(count, task); });
    }
  }

  /// Calls body(range) for ranges that together cover 0 .. count - 1, at most one per worker and about one per 8,192
  /// elements, since a short vector is done before another thread wakes up. The body must compute each element on its
  /// own, so that the bits do not depend on the cut.
  template <class Body>
  void for_each_range(Index count, const Body& body) const {
    constexpr Index worth_sharing = 8192;
    const Index parts = std::min<Index>(size_, count / worth_sharing + 1);
    if (parts == 1) return body(Range{0, count});
    for_each(parts, [&](Index part, int) { body(detail::part_of(count, part, parts)); });
  }

  /// Keeps the threads ready while body runs in this thread. A `for_each` inside then starts within about a
  /// microsecond, or some tens of microseconds if the threads fell asleep in a pause. Of nested sessions only the
  /// outermost counts.
  template <class Body>
  void session(const Body& body) const {
    const HereScope scope(this);
    if (size_ == 1 || inside_task_ || shared_->open || lost_threads()) return body();
#if HYPERTAPE_HAS_OPENMP
    std::exception_ptr failure;
    remember_process();
    shared_->open = true;
#pragma omp parallel num_threads(size_)
    {
      if (omp_get_thread_num() == 0) {
        try {
          body();
        } catch (...) {
          failure = std::current_exception();
        }
        shared_->close();
      } else {
        shared_->serve(omp_get_thread_num());
      }
    }
    shared_->reopen();
    if (failure) std::rethrow_exception(failure);
#else
    body();
#endif
  }

 private:
  static constexpr Index most_tasks = 1000000;

  inline static thread_local bool inside_task_ = false;
  inline static thread_local const WorkerTeam* here_ = nullptr;

#if HYPERTAPE_HAS_FORK
  /// The process whose teams have run threads, or 0.
  inline static std::atomic<pid_t> process_with_threads_{0};

  static bool lost_threads() {
    const pid_t process = process_with_threads_.load(std::memory_order_relaxed);
    return process != 0 && process != getpid();
  }
  static void remember_process() { process_with_threads_.store(getpid(), std::memory_order_relaxed); }
#else
  static bool lost_threads() { return false; }
  static void remember_process() {}
#endif

  struct TaskScope {
    bool outer = std::exchange(inside_task_, true);
    TaskScope() = default;
    TaskScope(const TaskScope&) = delete;
    TaskScope& operator=(const TaskScope&) = delete;
    ~TaskScope() { inside_task_ = outer; }
  };

  struct HereScope {
    const WorkerTeam* outer;
    explicit HereScope(const WorkerTeam* team) : outer(std::exchange(here_, team)) {}
    HereScope(const HereScope&) = delete;
    HereScope& operator=(const HereScope&) = delete;
    ~HereScope() { here_ = outer; }
  };

  /// The loop being shared. One atomic word holds the next task to claim, the number of tasks, and the loop's number.
  /// So a claim that succeeds is a claim on the current loop, and every new loop changes the value that threads wait
  /// on.
  struct Shared {
    static constexpr int index_bits = 24;
    static constexpr std::uint64_t index_mask = (std::uint64_t{1} << index_bits) - 1;
    static constexpr std::uint64_t closed = ~std::uint64_t{0};
    static constexpr Index nobody = most_tasks;

    bool open = false;  ///< whether a session runs; only its first thread touches this
    std::atomic<std::uint64_t> ticket{0};
    std::atomic<Index> left{0};
    const void* task = nullptr;
    void (*call)(const void* task, Index index, int worker) = nullptr;
    std::uint64_t loops = 0;
    std::atomic<Index> failed{nobody};  ///< the lowest index whose task has failed
    std::exception_ptr failure;         ///< what that task threw
    std::mutex failure_lock;

    /// Publishes a loop, takes part in it, and returns when all its tasks are done.
    template <class Task>
    void run(Index count, const Task& body) {
      task = &body;
      call = [](const void* t, Index index, int worker) { (*static_cast<const Task*>(t))(index, worker); };
      left.store(count, std::memory_order_relaxed);
      loops = (loops + 1) & 0xFFFF;
      ticket.store(loops << (2 * index_bits) | static_cast<std::uint64_t>(count) << index_bits);
      ticket.notify_all();
      work(0);
      for (int spins = 0; left.load(std::memory_order_acquire) != 0;) {
        if (spins < patience) {
          ++spins;
        } else {
          std::this_thread::yield();
        }
      }
      if (failed.exchange(nobody) != nobody) std::rethrow_exception(std::exchange(failure, nullptr));
    }

    /// Claims and runs tasks of the current loop until none is left.
    void work(int worker) {
      std::uint64_t seen = ticket.load(std::memory_order_acquire);
      while (seen != closed && (seen & index_mask) < (seen >> index_bits & index_mask)) {
        if (!ticket.compare_exchange_weak(seen, seen + 1, std::memory_order_acq_rel)) continue;
        const auto index = static_cast<Index>(seen & index_mask);
        try {
          const TaskScope scope;
          if (index < failed.load(std::memory_order_relaxed)) call(task, index, worker);
        } catch (...) {
          const std::scoped_lock guard(failure_lock);
          if (index < failed.load()) {
            failed = index;
            failure = std::current_exception();
          }
        }
        left.fetch_sub(1, std::memory_order_acq_rel);
        seen = ticket.load(std::memory_order_acquire);
      }
    }

    /// Runs a helper thread: it works while there is a loop, and waits in between, first spinning, then asleep.
    void serve(int worker) {
      for (int spins = 0;;) {
        const std::uint64_t seen = ticket.load(std::memory_order_acquire);
        if (seen == closed) return;
        if ((seen & index_mask) < (seen >> index_bits & index_mask)) {
          work(worker);
          spins = 0;
        } else if (++spins > patience) {
          ticket.wait(seen, std::memory_order_acquire);
          spins = 0;
        }
      }
    }

    void close() {
      ticket.store(closed);
      ticket.notify_all();
    }
    void reopen() {
      ticket.store(loops << (2 * index_bits));
      open = false;
    }

    /// How often a waiting thread spins before it gives way: some tens of microseconds, longer than the gaps between
    /// loops.
    static constexpr int patience = 20000;
  };

  int size_ = 1;
  std::shared_ptr<Shared> shared_;
};

namespace detail {

/// How many threads one operation on a large tensor should use. It is the size of the current session's team, or
/// OpenMP's default, if `multiply_adds` make that worthwhile; at most `count`, the number of items, and 1 inside a
/// task. Outside of a session threads must be woken, and on a busy machine wait for a processor, so that sharing pays
/// off only from some tenths of a millisecond of work on.
inline Index parallel_parts(Index count, Index multiply_adds) {
  const Index worth_a_team = Index{1} << (WorkerTeam::in_session() ? 20 : 24);
  if (multiply_adds < worth_a_team || WorkerTeam::inside_task()) return 1;
  return std::min<Index>(count, WorkerTeam::here().size());
}

/// Cuts 0 .. count - 1 into `parts` ranges and calls body(part, range) for each, in parallel. The body must compute
/// each index on its own, so that the bits do not depend on the cut.
template <class Body>
void parallel_ranges(Index parts, Index count, const Body& body) {
  if (parts == 1) return body(Index{0}, Range{0, count});
  WorkerTeam::here().for_each(parts, [&](Index part, int) { body(part, part_of(count, part, parts)); });
}

}  // namespace detail

}  // namespace hypertape::inline HYPERTAPE_ABI
