#pragma once

namespace hypertape::bench {

/// The most that this many threads can multiply and add in single precision, in GFLOP/s: loops that keep their sums in
/// registers and read no memory, all threads at once, of each the fastest of several runs by its processor time. What
/// no kernel passes unless it leaves work out.
double fma_peak_gflops(int threads);

}  // namespace hypertape::bench
