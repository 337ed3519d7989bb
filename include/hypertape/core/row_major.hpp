#pragma once

#include <Eigen/Core>
#include <span>
#include <vector>

#include "hypertape/core/error.hpp"
#include "hypertape/core/shape.hpp"
#include "hypertape/core/tensor.hpp"

namespace hypertape {

namespace detail {

template <class T>
using RowMajorMatrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

}  // namespace detail

/// The values of a batch (N, ...), whose samples are innermost in memory, in C order: w fastest, then h, c, n. This is
/// how files and NumPy hold them.
template <class T>
std::vector<T> to_row_major(const Tensor<T>& batch) {
  std::vector<T> values(static_cast<std::size_t>(batch.size()));
  Eigen::Map<detail::RowMajorMatrix<T>>(values.data(), batch.shape()[0], batch.shape().features()) = batch.matrix();
  return values;
}

/// The batch of this shape whose values stand in C order in `values`, the inverse of `to_row_major`.
/// @throws ShapeError if their number is not the shape's.
template <class T>
Tensor<T> from_row_major(const Shape& shape, std::span<const T> values) {
  if (static_cast<Index>(values.size()) != shape.size()) {
    throw ShapeError("from_row_major: shape ", shape, " has ", shape.size(), " elements, got ", values.size());
  }
  Tensor<T> batch(shape);
  batch.matrix() = Eigen::Map<const detail::RowMajorMatrix<T>>(values.data(), shape[0], shape.features());
  return batch;
}

/// The same for a vector.
template <class T>
Tensor<T> from_row_major(const Shape& shape, const std::vector<T>& values) {
  return from_row_major(shape, std::span<const T>(values));
}

}  // namespace hypertape
