#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <mutex>
#include <type_traits>
#include <utility>
#include <vector>

#include "hypertape/core/error.hpp"
#include "hypertape/core/tensor.hpp"
#include "hypertape/kernels/linear_kernels.hpp"
#include "hypertape/kernels/triangular_decompositions.hpp"

namespace hypertape::inline HYPERTAPE_ABI::data {

/// A linear map of images as vectors of D = C H W values: y = W (x - mean) with a symmetric, positive definite W, as
/// computed by `zca_whitening`.
class Whitening {
 public:
  /// From `matrix` W (D, D), row-major, and the images' `mean` (D). @throws ShapeError for other shapes;
  /// ArgumentError if the matrix is not symmetric or a value is not finite.
  Whitening(Tensor<float> matrix, Tensor<float> mean) : matrix_(std::move(matrix)), mean_(std::move(mean)) {
    const Index D = mean_.size();
    if (matrix_.shape() != Shape{D, D} || mean_.shape() != Shape{D}) {
      throw ShapeError("whitening: needs a matrix (D, D) and a mean (D), got ", matrix_.shape(), " and ",
                       mean_.shape());
    }
    if (!matrix_.all_finite() || !mean_.all_finite()) throw ArgumentError("whitening: needs finite values");
    for (Index i = 0; i < D; ++i) {
      for (Index j = 0; j < i; ++j) {
        if (std::abs(matrix_[i * D + j] - matrix_[j * D + i]) > 0) {
          throw ArgumentError("whitening: the matrix is not symmetric at (", i, ", ", j, ")");
        }
      }
    }
    offset_.resize(static_cast<std::size_t>(D));
    for (Index i = 0; i < D; ++i) {
      double sum = 0;
      for (Index j = 0; j < D; ++j) sum -= double{matrix_[i * D + j]} * double{mean_[j]};
      offset_[static_cast<std::size_t>(i)] = static_cast<float>(sum);
    }
  }

  Whitening(const Whitening&) = delete;
  Whitening& operator=(const Whitening&) = delete;

  /// W (D, D), row-major.
  const Tensor<float>& matrix() const { return matrix_; }
  /// The mean of the images (D).
  const Tensor<float>& mean() const { return mean_; }
  /// The number D of values per image.
  Index dimension() const { return mean_.size(); }

  /// Whitens images (N, C, H, W), samples innermost. @throws ShapeError unless they have D values each.
  template <class T>
  void apply(Tensor<T>& images) const {
    require_images(images.shape());
    const Index N = images.shape()[0], D = dimension();
    const Tensor<T> given = images;
    for (Index i = 0; i < images.size(); ++i) images[i] = static_cast<T>(offset_[static_cast<std::size_t>(i / N)]);
    std::vector<T> scratch(static_cast<std::size_t>(kernels::linear_scratch(N, D, D)));
    const auto product = [&](const T* matrix) {
      kernels::linear(N, D, D, Range{0, D}, given.data(), matrix, kernels::OutputMode::accumulate, images.data(),
                      scratch.data());
    };
    if constexpr (std::is_same_v<T, float>) {
      product(matrix_.data());
    } else {
      const std::vector<T> matrix(matrix_.values().begin(), matrix_.values().end());
      product(matrix.data());
    }
  }

  /// Inverts `apply`. @throws as `apply`; ArgumentError if the matrix is not positive definite.
  void undo(Tensor<float>& images) const {
    require_images(images.shape());
    const Index N = images.shape()[0], D = dimension();
    std::call_once(factorized_, [&] {
      factor_ = matrix_;
      definite_ = kernels::factorize_cholesky(D, factor_.data());
    });
    if (!definite_) throw ArgumentError("whitening: the matrix is not positive definite");
    kernels::solve_triangular(D, N, factor_.data(), false, false, images.data());
    kernels::solve_triangular(D, N, factor_.data(), false, true, images.data());
    for (Index i = 0; i < images.size(); ++i) images[i] += mean_[i / N];
  }

  /// Whether both map images in the same way.
  friend bool operator==(const Whitening& a, const Whitening& b) {
    return std::ranges::equal(a.matrix_.values(), b.matrix_.values()) &&
           std::ranges::equal(a.mean_.values(), b.mean_.values());
  }

 private:
  void require_images(const Shape& images) const {
    if (images.rank() == 4 && images.layout() == Layout::samples_innermost && images.features() == dimension()) {
      return;
    }
    throw ShapeError("whitening: expected images of ", dimension(), " values, samples innermost, got ", images);
  }

  Tensor<float> matrix_, mean_;
  std::vector<float> offset_;  // -W mean
  mutable std::once_flag factorized_;
  mutable Tensor<float> factor_;  // L L^T is the matrix; computed when first needed
  mutable bool definite_ = false;
};

}  // namespace hypertape::inline HYPERTAPE_ABI::data
