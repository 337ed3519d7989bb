#pragma once

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "hypertape/core/error.hpp"
#include "hypertape/core/tensor.hpp"
#include "hypertape/data/dataset.hpp"
#include "hypertape/data/orthogonal_decompositions.hpp"
#include "hypertape/data/whitening.hpp"
#include "hypertape/kernels/matmul_kernels.hpp"

namespace hypertape::inline HYPERTAPE_ABI::data {

namespace detail {

/// out (D, D) = x (D, K) x^T.
inline void multiply_by_own_transpose(Index D, Index K, const float* x, float* out) {
  std::vector<float> scratch(static_cast<std::size_t>(kernels::matmul_scratch(D, D, K, D, false, true)));
  kernels::matmul<float>(D, D, K, {0, D}, {x, false}, {x, true}, kernels::OutputMode::write, out, scratch.data());
}

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
  const Index D = images.bytes_per_image(), N = images.count;
  constexpr Index most_values = 16384;  // their matrix takes 1 GiB
  if (D > most_values) throw ArgumentError("zca: needs images of at most ", most_values, " values, got ", D);
  constexpr Index block = 1024;
  Tensor<double> mean(Shape{D}), covariance(Shape{D, D});
  Tensor<float> product(Shape{D, D});
  const std::vector<Index> all = all_indices(N);
  Tensor<float> batch;
  for (Index first = 0; first < N; first += block) {
    const auto count = static_cast<std::size_t>((std::min)(block, N - first));
    gather(images, std::span(all).subspan(static_cast<std::size_t>(first), count), normalization, batch);
    detail::multiply_by_own_transpose(D, static_cast<Index>(count), batch.data(), product.data());
    for (Index i = 0; i < D * D; ++i) covariance[i] += double{product[i]};
    for (Index i = 0; i < batch.size(); ++i) mean[i / static_cast<Index>(count)] += double{batch[i]};
  }
  double variance = 0, square = 0;
  for (double& value : mean.values()) value /= static_cast<double>(N);
  for (Index i = 0; i < D; ++i) {
    square += covariance[i * D + i] / static_cast<double>(N * D);
    for (Index j = 0; j < D; ++j) {
      double& value = covariance[i * D + j];
      value = value / static_cast<double>(N) - mean[i] * mean[j];
    }
    variance += covariance[i * D + i] / static_cast<double>(D);
  }
  // Rounding of the squares may pass for a variance.
  if (!(variance > 1e-5 * square)) throw ArgumentError("zca: all images are the same and cannot be whitened");
  // W = R R^T for the eigenvectors V with R = V (eigenvalues + added)^(-1/4): symmetric to the last bit.
  Tensor<float> matrix(Shape{D, D}), roots(Shape{D, D}), eigenvalues(Shape{D}), center(Shape{D});
  std::copy(covariance.values().begin(), covariance.values().end(), matrix.values().begin());
  data::decompose_symmetric(D, matrix.data(), eigenvalues.data(), roots.data());
  const auto added = static_cast<float>(regularizer * variance);
  for (float& value : eigenvalues.values()) value = 1 / std::sqrt(std::sqrt((std::max)(value, 0.f) + added));
  for (Index i = 0; i < D * D; ++i) roots[i] *= eigenvalues[i % D];
  detail::multiply_by_own_transpose(D, D, roots.data(), matrix.data());
  std::copy(mean.values().begin(), mean.values().end(), center.values().begin());
  return std::make_shared<const Whitening>(std::move(matrix), std::move(center));
}

}  // namespace hypertape::inline HYPERTAPE_ABI::data
