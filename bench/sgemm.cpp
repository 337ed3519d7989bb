#include "sgemm.hpp"

#include <Eigen/Core>
#include <algorithm>

#include "timing.hpp"

namespace hypertape::bench {

double sgemm_gflops(int threads) {
  constexpr Eigen::Index size = 1024;
  Eigen::setNbThreads(threads);
  const Eigen::MatrixXf a = Eigen::MatrixXf::Random(size, size), b = Eigen::MatrixXf::Random(size, size);
  Eigen::MatrixXf c(size, size);
  const Timing timing = measure(9, [&] { c.noalias() = a * b; });
  return 2e-6 * static_cast<double>(size * size * size) / timing.min_ms;
}

}  // namespace hypertape::bench
