#include "sgemm.hpp"

#include <Eigen/Core>
#include <algorithm>

#include "timing.hpp"

namespace hypertape::bench {

namespace {

template <class Matrix>
double gemm_gflops(int threads) {
  constexpr Eigen::Index size = 1024;
  Eigen::setNbThreads(threads);
  const Matrix a = Matrix::Random(size, size), b = Matrix::Random(size, size);
  Matrix c(size, size);
  const auto product = [&] { c.noalias() = a * b; };
  const Timing timing = threads == 1 ? measure<ThreadClock>(9, product) : measure(9, product);
  return 2e-6 * static_cast<double>(size * size * size) / timing.min_ms;
}

}  // namespace

double sgemm_gflops(int threads) { return gemm_gflops<Eigen::MatrixXf>(threads); }
double dgemm_gflops(int threads) { return gemm_gflops<Eigen::MatrixXd>(threads); }

}  // namespace hypertape::bench
