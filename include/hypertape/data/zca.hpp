#pragma once

#include <Eigen/Core>
#include <Eigen/Eigenvalues>
#include <algorithm>
#include <memory>
#include <vector>

#include "hypertape/core/error.hpp"
#include "hypertape/core/tensor.hpp"
#include "hypertape/data/dataset.hpp"
#include "hypertape/data/whitening.hpp"

namespace hypertape::inline HYPERTAPE_ABI::data {

namespace detail {

/// Limits Eigen's products to one thread while it exists: how Eigen splits them, and so their bits, depends on the
/// number of threads.
class EigenOnOneThread {
 public:
  EigenOnOneThread() : before_(Eigen::nbThreads()) { Eigen::setNbThreads(1); }
  ~EigenOnOneThread() { Eigen::setNbThreads(before_); }
  EigenOnOneThread(const EigenOnOneThread&) = delete;
  EigenOnOneThread& operator=(const EigenOnOneThread&) = delete;

 private:
  int before_;
};

}  // namespace detail

/// Computes the ZCA whitening of normalized images (Bell and Sejnowski 1997; Krizhevsky 2009), regularized relative to
/// their mean variance as in Nguyen et al. 2021: W = (S + r tr(S) / D I)^(-1/2) with the covariance S of an image's D
/// values and the regularizer r. It damps what images have in common, and they still look like images. Takes 12 D^3
/// operations, about ten seconds for D = 3,072. Single precision suffices: its errors of 1e-7 D tr(S) / D are far below
/// the regularizing term. @throws ArgumentError unless r is in [0.001, 1000] and D at most 16,384, or if all images are
/// the same; as `gather`.
inline std::shared_ptr<const Whitening> zca_whitening(const LabeledImages& images, const Normalization& normalization,
                                                      double regularizer) {
  if (!(regularizer >= 0.001 && regularizer <= 1000)) {
    throw ArgumentError("zca: the regularizer must be in [0.001, 1000], got ", regularizer);
  }
  check_sizes(images, "zca");
  const detail::EigenOnOneThread guard;
  const Index D = images.bytes_per_image(), N = images.count;
  constexpr Index most_values = 16384;  // their matrix takes 1 GiB
  if (D > most_values) throw ArgumentError("zca: needs images of at most ", most_values, " values, got ", D);
  constexpr Index block = 1024;
  Eigen::VectorXd sum = Eigen::VectorXd::Zero(D);
  Eigen::MatrixXd products = Eigen::MatrixXd::Zero(D, D);
  const std::vector<Index> all = all_indices(N);
  Tensor<float> batch;
  for (Index first = 0; first < N; first += block) {
    const auto count = static_cast<std::size_t>((std::min)(block, N - first));
    gather(images, std::span(all).subspan(static_cast<std::size_t>(first), count), normalization, batch);
    const Eigen::Map<const Eigen::MatrixXf> values(batch.data(), static_cast<Index>(count), D);
    sum += values.colwise().sum().transpose().cast<double>();
    products += (values.transpose() * values).cast<double>();
  }
  const Eigen::VectorXd mean = sum / static_cast<double>(N);
  const Eigen::MatrixXd covariance = products / static_cast<double>(N) - mean * mean.transpose();
  const double variance = covariance.trace() / static_cast<double>(D);
  const double square = products.trace() / static_cast<double>(N * D);  // rounding of this may pass for a variance
  if (!(variance > 1e-5 * square)) throw ArgumentError("zca: all images are the same and cannot be whitened");
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXf> eigen(covariance.cast<float>());
  const auto added = static_cast<float>(regularizer * variance);
  const Eigen::VectorXf scale = (eigen.eigenvalues().cwiseMax(0.f).array() + added).rsqrt();
  const Eigen::MatrixXf root = eigen.eigenvectors() * scale.asDiagonal() * eigen.eigenvectors().transpose();
  Tensor<float> matrix(Shape{D, D}), center(Shape{D});
  Eigen::Map<Eigen::MatrixXf>(matrix.data(), D, D) = (root + root.transpose()) / 2;
  Eigen::Map<Eigen::VectorXf>(center.data(), D) = mean.cast<float>();
  return std::make_shared<const Whitening>(std::move(matrix), std::move(center));
}

}  // namespace hypertape::inline HYPERTAPE_ABI::data
