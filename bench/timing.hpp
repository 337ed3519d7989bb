#pragma once

#include <algorithm>
#include <chrono>
#include <vector>

namespace hypertape::bench {

struct Timing {
  double min_ms, median_ms;
};

/// Calls f once to warm up, then `runs` times under the clock.
template <class F>
Timing measure(int runs, const F& f) {
  f();
  std::vector<double> times;
  for (int run = 0; run < runs; ++run) {
    const auto start = std::chrono::steady_clock::now();
    f();
    times.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
  }
  std::sort(times.begin(), times.end());
  return {times.front(), times[times.size() / 2]};
}

}  // namespace hypertape::bench
