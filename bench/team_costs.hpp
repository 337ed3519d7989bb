#pragma once

#include "hypertape/core/parallel.hpp"
#include "timing.hpp"

namespace hypertape::bench {

/// The overhead of a thread team, in microseconds.
struct TeamCosts {
  double session = 0;     ///< to gather and release a team, once per hypergradient
  double empty_loop = 0;  ///< to distribute a loop of one empty task per thread, within a session
};

inline TeamCosts team_costs(const WorkerTeam& team) {
  constexpr int times = 50;
  const auto microseconds = [](const auto& once) {
    const Timing timing = measure(21, [&] {
      for (int i = 0; i < times; ++i) once();
    });
    return 1e3 * timing.median_ms / times;
  };
  TeamCosts costs;
  costs.session = microseconds([&] { team.session([] {}); });
  team.session([&] { costs.empty_loop = microseconds([&] { team.for_each(team.size(), [](Index, int) {}); }); });
  return costs;
}

}  // namespace hypertape::bench
