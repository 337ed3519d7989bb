#pragma once

#include "hypertape/autodiff/linear_map.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

namespace detail {

/// A x = x with its values in another order in memory; A^T is the way back.
struct RelayoutMap {
  static constexpr const char *name = "relayout", *adjoint_name = "relayout";
  Shape domain, codomain;

  template <class T>
  void apply(const T* in, T* out) const {
    move(domain, in, out);
  }
  template <class T>
  void apply_adjoint(const T* in, T* out) const {
    move(codomain, in, out);
  }

 private:
  /// The memory of a batch is that of a row-major matrix (features, samples): the transpose of (samples, features).
  template <class T>
  static void move(const Shape& from, const T* in, T* out) {
    const bool row_major = from.layout() == Layout::row_major;
    const Index rows = row_major ? from[0] : from.features(), columns = from.size() / rows;
    using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic>;
    Eigen::Map<Matrix>(out, rows, columns) = Eigen::Map<const Matrix>(in, columns, rows).transpose();
  }
};

}  // namespace detail

/// The same elements under the same indices, in another order in memory; x itself if it has that order already.
template <class T>
Var<T> relayout(Var<T> x, Layout layout) {
  const Shape shape = x.shape(), wanted = shape.with_layout(layout);
  return wanted == shape ? x : apply_map(detail::RelayoutMap{shape, wanted}, x);
}

}  // namespace hypertape::inline HYPERTAPE_ABI
