#include "fma_peak.hpp"

#include <numeric>
#include <vector>

#include "hypertape/core/parallel.hpp"
#include "hypertape/kernels/simd.hpp"
#include "timing.hpp"

namespace hypertape::bench {
namespace {

using V = kernels::Simd<float, kernels::native_lanes<float>>;

/// The number of independent sums: processors start up to two multiply-adds per cycle, each of which takes up to five
/// cycles. With the operands they fit in 16 registers.
constexpr int chains = 12;
constexpr int steps = 20000;  // about a millisecond, shorter than a busy machine's time slice

/// Chains of multiply-adds, each of which needs the previous one of its chain. The operands are unknown to the
/// compiler, so it cannot skip any.
float chains_of_products() {
  volatile float factor = 0.999F, term = 0.001F;
  const V::Vector a = V::broadcast(factor), b = V::broadcast(term);
  V::Vector sum[chains];
  for (int c = 0; c < chains; ++c) sum[c] = V::broadcast(static_cast<float>(c));
  for (int step = 0; step < steps; ++step) {
    for (V::Vector& s : sum) {
      V::Vector next = b;
      V::add_product(next, s, a);
      s = next;
    }
  }
  V::Vector total{};
  for (const V::Vector& s : sum) total += s;
  return V::sum(total);
}

}  // namespace

double fma_peak_gflops(int threads) {
  const WorkerTeam team(threads);
  std::vector<double> gflops(static_cast<std::size_t>(team.size()));
  team.for_each(team.size(), [&](Index thread, int) {
    volatile float sink = 0;
    const Timing timing = measure<ThreadClock>(50, [&] { sink = chains_of_products(); });
    gflops[static_cast<std::size_t>(thread)] = 2e-6 * steps * chains * kernels::native_lanes<float> / timing.min_ms;
  });
  return std::accumulate(gflops.begin(), gflops.end(), 0.0);
}

}  // namespace hypertape::bench
