#pragma once

#include "hypertape/autodiff/linear_map.hpp"
#include "hypertape/kernels/relayout_kernels.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

namespace detail {

/// A x = x in another memory order; A^T restores the order.
struct RelayoutMap {
  static constexpr const char *name = "relayout", *adjoint_name = "relayout";
  static constexpr bool cheap = true;
  Shape domain, codomain;

  template <class T>
  void apply(const T* in, T* out) const {
    kernels::relayout(domain, in, codomain.layout(), out);
  }
  template <class T>
  void apply_adjoint(const T* in, T* out) const {
    kernels::relayout(codomain, in, domain.layout(), out);
  }
};

}  // namespace detail

/// The same elements at the same indices, in another memory order; returns x itself if it already has that order.
template <class T>
Var<T> relayout(Var<T> x, Layout layout) {
  const Shape shape = x.shape(), wanted = shape.with_layout(layout);
  return wanted == shape ? x : apply_map(detail::RelayoutMap{shape, wanted}, x);
}

}  // namespace hypertape::inline HYPERTAPE_ABI
