#pragma once

#include <algorithm>

#include "hypertape/autodiff/gradient.hpp"
#include "hypertape/autodiff/jvp.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

namespace detail {

/// Calls use(i, product) for product i of the Jacobian with each unit vector of `unit_shape`; the tape is as before
/// then.
template <class T, class Product, class Use>
void for_each_unit_vector(Tape<T>& tape, const Shape& unit_shape, const Product& product, const Use& use) {
  Tensor<T> unit(unit_shape);
  for (Index i = 0; i < unit.size(); ++i) {
    const RewindScope<T> scope(tape);
    unit[i] = 1;
    use(i, product(tape.view(unit.shape(), unit.data())).data());
    unit[i] = 0;
  }
}

}  // namespace detail

/// The Jacobian dy/dx (elements of y, elements of x), row-major, elements counted in the order of memory: as many
/// sweeps as the fewer of the two are, forward or in reverse. Records nothing that stays.
template <class T>
Tensor<T> jacobian(Var<T> y, Var<T> x) {
  const Index rows = y.size(), columns = x.size();
  Tensor<T> result({rows, columns});
  if (columns < rows) {
    detail::for_each_unit_vector(
        y.tape(), x.shape(), [&](Var<T> unit) { return jvp(y, x, unit); },
        [&](Index column, const T* values) {
          for (Index row = 0; row < rows; ++row) result[row * columns + column] = values[row];
        });
  } else {
    detail::for_each_unit_vector(
        y.tape(), y.shape(), [&](Var<T> unit) { return vjp(y, unit, x); },
        [&](Index row, const T* values) { std::copy_n(values, columns, result.data() + row * columns); });
  }
  return result;
}

/// The Hessian of a scalar (elements of x, elements of x), row-major, elements counted in the order of memory: one
/// gradient, and a tangent of it for each element. Records nothing that stays. @throws ShapeError if the loss is no
/// scalar.
template <class T>
Tensor<T> hessian(Var<T> loss, Var<T> x) {
  const Index size = x.size();
  Tensor<T> result({size, size});
  const detail::RewindScope<T> scope(x.tape());
  const Var<T> slope = gradient(loss, x);
  detail::for_each_unit_vector(
      x.tape(), x.shape(), [&](Var<T> unit) { return jvp(slope, x, unit); },
      [&](Index row, const T* values) { std::copy_n(values, size, result.data() + row * size); });
  return result;
}

}  // namespace hypertape::inline HYPERTAPE_ABI
