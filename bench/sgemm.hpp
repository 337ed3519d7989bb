#pragma once

namespace hypertape::bench {

/// The rate in GFLOP/s of Eigen's single-precision product of two 1024 x 1024 matrices on this many threads, fastest of
/// several runs. Results are stated as a share of it, as it shows what the machine can do at the moment. One thread is
/// timed by processor time.
double sgemm_gflops(int threads);

/// The same in double precision.
double dgemm_gflops(int threads);

}  // namespace hypertape::bench
