#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include "hypertape/core/shape.hpp"
#include "hypertape/core/tensor.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

/// Reorders the tensor's values in memory; the element at each index stays the same.
template <class T>
Tensor<T> relayout(const Tensor<T>& in, Layout layout) {
  Tensor<T> out(in.shape().with_layout(layout));
  const Index N = in.shape()[0], C = in.shape()[1], P = in.size() / (N * C);
  for (Index n = 0; n < N; ++n) {
    for (Index c = 0; c < C; ++c) {
      for (Index p = 0; p < P; ++p) {
        out[detail::offset_of(out.shape(), n, c, 0, p)] = in[detail::offset_of(in.shape(), n, c, 0, p)];
      }
    }
  }
  return out;
}

/// The values in C order, last axis fastest, whatever the layout; files and NumPy store them in this order.
template <class T>
std::vector<T> to_row_major(const Tensor<T>& tensor) {
  const Tensor<T> ordered = relayout(tensor, Layout::row_major);
  return {ordered.values().begin(), ordered.values().end()};
}

/// Makes a tensor of this shape, in the shape's layout, from values in C order: the inverse of `to_row_major`. @throws
/// ShapeError if there are not as many values as elements.
template <class T>
Tensor<T> from_row_major(const Shape& shape, std::span<const T> values) {
  return relayout(Tensor<T>(shape.with_layout(Layout::row_major), values), shape.layout());
}

/// The same for a vector.
template <class T>
Tensor<T> from_row_major(const Shape& shape, const std::vector<T>& values) {
  return from_row_major(shape, std::span<const T>(values));
}

}  // namespace hypertape::inline HYPERTAPE_ABI
