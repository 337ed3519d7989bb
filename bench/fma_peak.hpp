#pragma once

namespace hypertape::bench {

/// The peak rate of single-precision multiply-adds on this many threads, in GFLOP/s. The threads run loops at once that
/// keep their sums in registers and read no memory; each thread's fastest run by processor time counts. No kernel
/// exceeds it unless it skips work.
double fma_peak_gflops(int threads);

}  // namespace hypertape::bench
