#pragma once

namespace hypertape::bench {

/// The rate in GFLOP/s of Eigen's single-precision product of two 1024 x 1024 matrices, the fastest of several runs on
/// this many threads: what this machine can do at the moment, against which a share is stated. Of one thread, its
/// processor time counts.
double sgemm_gflops(int threads);

/// The same in double precision.
double dgemm_gflops(int threads);

}  // namespace hypertape::bench
