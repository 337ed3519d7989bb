#include "hypertape/core/parallel.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <thread>
#include <vector>

#include "hypertape/core/random.hpp"

#if HYPERTAPE_HAS_FORK
#include <sys/wait.h>
#include <unistd.h>
#endif

using namespace hypertape;
using hypertape::detail::parallel_parts;

namespace {

const std::vector<int> team_sizes = {1, 2, 5};

/// A task's own result, which takes it a while.
double busy(Index index) {
  Random random(static_cast<std::uint64_t>(index));
  double total = 0;
  for (int i = 0; i < 100; ++i) total += random.normal();
  return total;
}

}  // namespace

TEST_CASE("WorkerTeam: every index runs exactly once, by a worker of the team") {
  for (const int size : team_sizes) {
    const WorkerTeam team(size);
    for (const Index count : {0, 1, 2, 3, 100}) {
      std::vector<int> runs(static_cast<std::size_t>(count));
      std::vector<int> workers(static_cast<std::size_t>(count));
      team.for_each(count, [&](Index index, int worker) {
        ++runs[static_cast<std::size_t>(index)];
        workers[static_cast<std::size_t>(index)] = worker;
      });
      CHECK(runs == std::vector<int>(runs.size(), 1));
      for (const int worker : workers) CHECK((worker >= 0 && worker < team.size()));
    }
  }
}

TEST_CASE("WorkerTeam: results do not depend on the number of threads") {
  const auto results = [](int size) {
    std::vector<double> out(50);
    WorkerTeam(size).for_each(50, [&](Index i, int) { out[static_cast<std::size_t>(i)] = busy(i); });
    return out;
  };
  for (const int size : team_sizes) CHECK(results(size) == results(1));
}

TEST_CASE("WorkerTeam: an exception of a task is thrown again, and the team still works") {
  for (const int size : team_sizes) {
    const WorkerTeam team(size);
    CHECK_THROWS_WITH_AS(team.for_each(100,
                                       [](Index index, int) {
                                         if (index == 3) throw ArgumentError("task 3");
                                       }),
                         "task 3", ArgumentError);
    CHECK(!WorkerTeam::inside_task());
    std::atomic<int> runs = 0;
    team.for_each(10, [&](Index, int) { ++runs; });
    CHECK(runs == 10);
  }
}

TEST_CASE("WorkerTeam: inside a task another team runs serially") {
  for (const int size : team_sizes) {
    CHECK(!WorkerTeam::inside_task());
    std::atomic<int> inside = 0, ordered = 0;
    WorkerTeam(size).for_each(4, [&](Index, int) {
      inside += WorkerTeam::inside_task();
      std::vector<Index> order;  // pushed to without a lock
      WorkerTeam(5).for_each(3, [&](Index index, int worker) {
        if (worker == 0) order.push_back(index);
      });
      ordered += order == std::vector<Index>{0, 1, 2};
      inside += WorkerTeam::inside_task();
    });
    CHECK(inside == 8);
    CHECK(ordered == 4);
    CHECK(!WorkerTeam::inside_task());
  }
}

TEST_CASE("WorkerTeam: size") {
  CHECK(WorkerTeam().size() >= 1);
  CHECK(WorkerTeam(1).size() == 1);
  CHECK(WorkerTeam(3).size() == (HYPERTAPE_HAS_OPENMP ? 3 : 1));
  CHECK_THROWS_WITH_AS(WorkerTeam(-2), "WorkerTeam: the number of threads cannot be -2", ArgumentError);
}

TEST_CASE("parallel_ranges: the ranges follow one another and cover everything") {
  for (const Index parts : {1, 2, 3, 7}) {
    for (const Index count : {7, 20}) {
      std::vector<Range> ranges(static_cast<std::size_t>(parts));
      hypertape::detail::parallel_ranges(
          parts, count, [&](Index part, Range range) { ranges[static_cast<std::size_t>(part)] = range; });
      Index reached = 0;
      for (const Range& range : ranges) {
        CHECK(range.begin == reached);
        CHECK(range.size() >= 1);
        reached = range.end;
      }
      CHECK(reached == count);
    }
  }
}

TEST_CASE("WorkerTeam: of several exceptions that of the lowest index is thrown again") {
  for (const int size : team_sizes) {
    for (int round = 0; round < 50; ++round) {
      CHECK_THROWS_WITH_AS(WorkerTeam(size).for_each(40,
                                                     [&](Index index, int) {
                                                       if (index == 7) busy(index);  // later than those after it
                                                       if (index >= 7) throw ArgumentError("task ", index);
                                                     }),
                           "task 7", ArgumentError);
    }
  }
}

TEST_CASE("WorkerTeam: a single task has the whole team") {
  for (const int size : team_sizes) {
    const WorkerTeam team(size);
    Index parts = 0;
    team.for_each(1, [&](Index, int) { parts = parallel_parts(100, Index{1} << 30); });
    CHECK(parts == team.size());
  }
}

TEST_CASE("WorkerTeam: ranges of a long vector, one of a short one") {
  for (const int size : team_sizes) {
    const WorkerTeam team(size);
    for (const Index count : {Index{0}, Index{1000}, Index{100000}}) {
      std::vector<int> runs(static_cast<std::size_t>(count));
      std::atomic<int> ranges = 0;
      team.for_each_range(count, [&](Range range) {
        ++ranges;
        for (Index i = range.begin; i < range.end; ++i) ++runs[static_cast<std::size_t>(i)];
      });
      CHECK(runs == std::vector<int>(runs.size(), 1));
      CHECK(ranges == (count < 8192 ? 1 : team.size()));
    }
  }
}

TEST_CASE("parallel_parts: as many as the session's team") {
  constexpr Index much = Index{1} << 30;
  for (const int size : team_sizes) {
    const WorkerTeam team(size);
    team.session([&] {
      CHECK(WorkerTeam::here().size() == team.size());
      CHECK(parallel_parts(100, much) == team.size());
      std::vector<int> runs(100);
      hypertape::detail::parallel_ranges(team.size(), 100, [&](Index, Range range) {
        for (Index i = range.begin; i < range.end; ++i) ++runs[static_cast<std::size_t>(i)];
      });
      CHECK(runs == std::vector<int>(100, 1));
    });
    CHECK(WorkerTeam::here().size() == WorkerTeam().size());
  }
}

TEST_CASE("parallel_parts: one for little work, at most one for each item, one inside a task") {
  constexpr Index much = Index{1} << 30;
  CHECK(parallel_parts(100, 1000) == 1);
  CHECK(parallel_parts(1, much) == 1);
  CHECK(parallel_parts(100, much) == std::min(100, WorkerTeam().size()));
  const Index middling = Index{1} << 22;  // worth threads that are awake
  CHECK(parallel_parts(100, middling) == 1);
  WorkerTeam(3).session([&] { CHECK(parallel_parts(100, middling) == WorkerTeam(3).size()); });
  WorkerTeam(1).for_each(1, [](Index, int) { CHECK(parallel_parts(100, much) == 1); });
}

TEST_CASE("WorkerTeam: after a failure, tasks that have not begun are left out") {
  for (const int size : team_sizes) {
    std::atomic<int> runs = 0;
    std::atomic<bool> thrown = false;
    CHECK_THROWS_AS(WorkerTeam(size).for_each(10000,
                                              [&](Index index, int) {
                                                ++runs;
                                                if (index == 0) {
                                                  thrown = true;
                                                  throw ArgumentError("first");
                                                }
                                                // Each waits for the failure, and leaves it time to be noted.
                                                while (!thrown) std::this_thread::yield();
                                                std::this_thread::sleep_for(std::chrono::milliseconds(1));
                                              }),
                    ArgumentError);
    CHECK(runs < 10000);
  }
}

#if HYPERTAPE_HAS_FORK
TEST_CASE("WorkerTeam: in a process that was forked from one with threads, teams work in the calling thread") {
  const auto sum = [](const WorkerTeam& team) {
    std::atomic<Index> total{0};
    team.for_each(100, [&](Index i, int) { total += i; });
    return total.load();
  };
  const WorkerTeam before(2);
  REQUIRE(sum(before) == 4950);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    alarm(30);  // ends a child that waits for threads that are not there
    const WorkerTeam after(2);
    const bool right = sum(after) == 4950 && sum(before) == 4950 && after.size() == 1;
    _exit(right ? 0 : 1);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(sum(before) == 4950);
}
#endif

TEST_CASE("WorkerTeam: a session keeps its threads through many loops, pauses and nested sessions") {
  for (const int size : team_sizes) {
    const WorkerTeam team(size), copy = team;
    std::vector<Index> sums(40);
    team.session([&] {
      for (std::size_t loop = 0; loop < 3000; ++loop) {
        copy.session([&] { copy.for_each(40, [&](Index i, int) { sums[static_cast<std::size_t>(i)] += i; }); });
        // Long enough for the waiting threads to fall asleep.
        if (loop % 1000 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(20));
      }
    });
    for (Index i = 0; i < 40; ++i) CHECK(sums[static_cast<std::size_t>(i)] == 3000 * i);
  }
}

TEST_CASE("WorkerTeam: an exception of a session's body is thrown again, and the team still works") {
  for (const int size : team_sizes) {
    const WorkerTeam team(size);
    CHECK_THROWS_AS(team.session([] { throw ArgumentError("body"); }), ArgumentError);
    std::atomic<int> runs = 0;
    team.for_each(10, [&](Index, int) { ++runs; });
    CHECK(runs == 10);
  }
}
