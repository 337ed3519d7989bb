#pragma once

#include <algorithm>
#include <limits>
#include <utility>

#include "hypertape/autodiff/slice.hpp"
#include "hypertape/core/axes.hpp"
#include "hypertape/ops/broadcast.hpp"

/// What moves elements, or drops some. Axes count from 0, or from the last with -1. Any layout; results keep it.
namespace hypertape::inline HYPERTAPE_ABI {

/// Axis i of the result is axis `order[i]` of x. @throws ShapeError unless the order names each axis once.
template <class T>
Var<T> permute(Var<T> x, const Axes& order) {
  const Shape from = x.shape();
  const detail::ShortList<int> axes = detail::checked_axes("permute", from, order);
  if (static_cast<int>(axes.size()) != from.rank()) {
    throw ShapeError("permute: ", from, " has ", from.rank(), " axes, the order names ", axes.size());
  }
  detail::Extents extents;
  for (const int axis : axes) extents.push_back(from[axis]);
  const Shape to(extents, from.layout());
  detail::StridedMap map{"permute", "permute", from, to, {}, true, true};
  const kernels::Strides a = kernels::strides_of(from), b = kernels::strides_of(to);
  for (std::size_t i = 0; i < axes.size(); ++i) map.loop.add(extents[i], a[static_cast<std::size_t>(axes[i])], b[i]);
  return apply_map(map, x);
}

/// The last two axes exchanged: the transpose of a matrix, or of each of a batch of matrices. @throws ShapeError for
/// fewer axes.
template <class T>
Var<T> transpose(Var<T> x) {
  const int rank = x.shape().rank();
  if (rank < 2) throw ShapeError("transpose: needs a matrix, got ", x.shape());
  detail::ShortList<int> order;
  for (int axis = 0; axis < rank; ++axis) order.push_back(axis);
  std::swap(order[order.size() - 1], order[order.size() - 2]);
  return permute(x, Axes(order));
}

/// Of one axis, `length` entries from `begin` on, `step` apart; a negative step goes back from `begin`. @throws
/// ShapeError if there are none such, or the step is 0.
template <class T>
Var<T> narrow(Var<T> x, int axis, Index begin, Index length, Index step = 1) {
  const Shape from = x.shape();
  const int chosen = detail::checked_axis("narrow", from, axis);
  const Index extent = from[chosen];
  const bool begins = begin >= 0 && begin < extent;
  // Entries behind the first that the step reaches.
  const Index more = !begins || step == 0 ? 0
                     : step > 0           ? (extent - 1 - begin) / step
                     : step <= -extent    ? 0
                                          : begin / -step;
  if (!begins || step == 0 || length < 1 || length - 1 > more) {
    throw ShapeError("narrow: axis ", axis, " of ", from, " does not have ", length, " entries from ", begin,
                     " on in steps of ", step);
  }
  const Shape to = detail::with_extent(from, chosen, length);
  detail::StridedMap map{"narrow", "pad", from, to, {}, true, from.size() == to.size()};
  const kernels::Strides a = kernels::strides_of(from), b = kernels::strides_of(to);
  for (int k = 0; k < from.rank(); ++k) {
    const auto i = static_cast<std::size_t>(k);
    map.loop.add(to[k], k == chosen ? a[i] * step : a[i], b[i]);
  }
  map.loop.begin(begin * a[static_cast<std::size_t>(chosen)], 0);
  return apply_map(map, x);
}

/// The entries of these axes in reverse order.
template <class T>
Var<T> flip(Var<T> x, const Axes& axes) {
  for (const int axis : detail::checked_axes("flip", x.shape(), axes)) {
    x = narrow(x, axis, x.shape()[axis] - 1, x.shape()[axis], -1);
  }
  return x;
}

/// x with `before` zeros in front of its entries along an axis, and `after` behind. @throws ShapeError for a negative
/// number.
template <class T>
Var<T> pad(Var<T> x, int axis, Index before, Index after) {
  const Shape inner = x.shape();
  const int chosen = detail::checked_axis("pad", inner, axis);
  const Index room = (std::numeric_limits<Index>::max)() - inner[chosen];
  if (before < 0 || after < 0 || before > room || after > room - before)
    throw ShapeError("pad: cannot add ", before, " and ", after, " entries to ", inner);
  if (before + after == 0) return x;
  const Shape outer = detail::with_extent(inner, chosen, inner[chosen] + before + after);
  detail::StridedMap map{"pad", "narrow", inner, outer, {}, false, true};
  const kernels::Strides a = kernels::strides_of(inner), b = kernels::strides_of(outer);
  for (int k = 0; k < inner.rank(); ++k)
    map.loop.add(inner[k], a[static_cast<std::size_t>(k)], b[static_cast<std::size_t>(k)]);
  map.loop.begin(0, before * b[static_cast<std::size_t>(chosen)]);
  return apply_map(map, x);
}

/// The diagonal of a matrix (M, N), or of each of a batch of matrices, as the last axis. @throws ShapeError for fewer
/// than two axes.
template <class T>
Var<T> diagonal(Var<T> x) {
  const Shape from = x.shape();
  if (from.rank() < 2) throw ShapeError("diagonal: needs a matrix, got ", from);
  const int row = from.rank() - 2;
  const Index length = (std::min)(from[row], from[row + 1]);
  detail::Extents extents(from.extents().first(from.extents().size() - 1));
  extents.back() = length;
  const Shape to(extents, from.layout());
  detail::StridedMap map{"diagonal", "diagonal_matrix", from, to, {}, true, from.size() == to.size()};
  const kernels::Strides a = kernels::strides_of(from), b = kernels::strides_of(to);
  for (int k = 0; k < row; ++k) map.loop.add(to[k], a[static_cast<std::size_t>(k)], b[static_cast<std::size_t>(k)]);
  const auto i = static_cast<std::size_t>(row);
  map.loop.add(length, a[i] + a[i + 1], b[i]);
  return apply_map(map, x);
}

/// The square matrix that has the last axis of x on its diagonal, zeros elsewhere.
template <class T>
Var<T> diagonal_matrix(Var<T> x) {
  const Shape from = x.shape();
  if (from.rank() < 1) throw ShapeError("diagonal_matrix: needs an axis, got a scalar");
  detail::Extents extents(from.extents());
  extents.push_back(extents.back());
  const Shape to(extents, from.layout());
  detail::StridedMap map{"diagonal_matrix", "diagonal", from, to, {}, false, true};
  const kernels::Strides a = kernels::strides_of(from), b = kernels::strides_of(to);
  const int last = from.rank() - 1;
  for (int k = 0; k < last; ++k) map.loop.add(from[k], a[static_cast<std::size_t>(k)], b[static_cast<std::size_t>(k)]);
  const auto i = static_cast<std::size_t>(last);
  map.loop.add(from[last], a[i], b[i] + b[i + 1]);
  return apply_map(map, x);
}

}  // namespace hypertape::inline HYPERTAPE_ABI
