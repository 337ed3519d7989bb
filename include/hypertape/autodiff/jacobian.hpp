#pragma once

#include <algorithm>

#include "hypertape/autodiff/hessian_product.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

namespace detail {

/// Calls use(i, product) for the product of a recorded map with each unit vector of length `size`.
template <class T, class Map, class Use>
void for_each_unit_vector(Index size, const Map& map, const Use& use) {
  Tensor<T> unit({size});
  for (Index i = 0; i < size; ++i) {
    unit[i] = 1;
    use(i, map(static_cast<const T*>(unit.data())));
    unit[i] = 0;
  }
}

}  // namespace detail

/// The Jacobian dy/dx (elements of y, elements of x), row-major, with elements counted in memory order. One sweep is
/// recorded, forward if x has fewer elements and reverse otherwise, and computed once per element of the smaller side.
/// The record is dropped again.
template <class T>
Tensor<T> jacobian(Var<T> y, Var<T> x) {
  const Index rows = y.size(), columns = x.size();
  Tensor<T> result({rows, columns});
  const detail::RewindScope<T> scope(y.tape());
  if (columns < rows) {
    detail::for_each_unit_vector<T>(columns, JacobianProduct<T>(y, x), [&](Index column, const T* values) {
      for (Index row = 0; row < rows; ++row) result[row * columns + column] = values[row];
    });
  } else {
    detail::for_each_unit_vector<T>(rows, TransposedJacobianProduct<T>(y, x), [&](Index row, const T* values) {
      std::copy_n(values, columns, result.data() + row * columns);
    });
  }
  return result;
}

/// The Hessian of a scalar (elements of x, elements of x), row-major, with elements counted in memory order: one
/// gradient, and one tangent of it per element. The record is dropped again. @throws ShapeError if the loss is not a
/// scalar.
template <class T>
Tensor<T> hessian(Var<T> loss, Var<T> x) {
  const Index size = x.size();
  Tensor<T> result({size, size});
  const detail::RewindScope<T> scope(x.tape());
  detail::for_each_unit_vector<T>(size, HessianProduct<T>(loss, x), [&](Index row, const T* values) {
    std::copy_n(values, size, result.data() + row * size);
  });
  return result;
}

}  // namespace hypertape::inline HYPERTAPE_ABI
