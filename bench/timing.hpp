#pragma once

#include <algorithm>
#include <chrono>
#include <ctime>
#include <vector>

namespace hypertape::bench {

struct Timing {
  double min_ms, median_ms;
};

/// The processor time of this thread, which excludes what other processes take of a busy machine.
struct ThreadClock {
  static std::chrono::duration<double> now() {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return std::chrono::duration<double>(static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec));
  }
};

/// Calls f once to warm up, then times `runs` calls.
template <class Clock = std::chrono::steady_clock, class F>
Timing measure(int runs, const F& f) {
  f();
  std::vector<double> times;
  for (int run = 0; run < runs; ++run) {
    const auto start = Clock::now();
    f();
    times.push_back(std::chrono::duration<double, std::milli>(Clock::now() - start).count());
  }
  std::sort(times.begin(), times.end());
  return {times.front(), times[times.size() / 2]};
}

}  // namespace hypertape::bench
