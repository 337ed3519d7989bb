#pragma once

#include <algorithm>
#include <limits>
#include <utility>

#include "hypertape/autodiff/slice.hpp"
#include "hypertape/core/axes.hpp"
#include "hypertape/ops/broadcast.hpp"

/// Operations that move or select elements. Axes count from 0, or from the last as -1. They take any layout and keep
/// it.
namespace hypertape::inline HYPERTAPE_ABI {

/// Reorders axes: axis i of the result is axis `order[i]` of x. @throws ShapeError unless the order names each axis
/// once.
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
  const kernels::Strides own = kernels::strides_of(from);
  kernels::Strides permuted{};
  for (std::size_t i = 0; i < axes.size(); ++i) permuted[i] = own[static_cast<std::size_t>(axes[i])];
  return apply_map(
      detail::StridedMap{"permute", "permute", from, to, {to, permuted, kernels::strides_of(to)}, true, true}, x);
}

/// Swaps the last two axes: the transpose of a matrix, or of each matrix in a batch. @throws ShapeError for fewer axes.
template <class T>
Var<T> transpose(Var<T> x) {
  const int rank = x.shape().rank();
  if (rank < 2) throw ShapeError("transpose: needs a matrix, got ", x.shape());
  detail::ShortList<int> order;
  for (int axis = 0; axis < rank; ++axis) order.push_back(axis);
  std::swap(order[order.size() - 1], order[order.size() - 2]);
  return permute(x, Axes(order));
}

namespace detail {

/// How many entries of an axis are reached from `begin` in steps of `step`, `begin` included: 0 if `begin` is outside
/// the axis or the step is 0.
inline Index entries_from(Index extent, Index begin, Index step) {
  if (begin < 0 || begin >= extent || step == 0) return 0;
  if (step > 0) return 1 + (extent - 1 - begin) / step;
  return step <= -extent ? 1 : 1 + begin / -step;
}

}  // namespace detail

/// Takes `length` entries of one axis, starting at `begin`, `step` apart; a negative step goes backward. @throws
/// ShapeError if the axis does not have them all, or the step is 0.
template <class T>
Var<T> narrow(Var<T> x, int axis, Index begin, Index length, Index step = 1) {
  const Shape from = x.shape();
  const int chosen = detail::checked_axis("narrow", from, axis);
  if (length < 1 || length > detail::entries_from(from[chosen], begin, step)) {
    throw ShapeError("narrow: axis ", axis, " of ", from, " does not have ", length, " entries from ", begin,
                     " on in steps of ", step);
  }
  const Shape to = detail::with_extent(from, chosen, length);
  kernels::Strides stepping = kernels::strides_of(from);
  Index& stride = stepping[static_cast<std::size_t>(chosen)];
  const Index first = begin * stride;
  if (length > 1) stride *= step;
  detail::StridedMap map{
      "narrow", "pad", from, to, {to, stepping, kernels::strides_of(to)}, true, from.size() == to.size()};
  map.loop.begin(first, 0);
  return apply_map(map, x);
}

/// Reverses the order of the entries along these axes.
template <class T>
Var<T> flip(Var<T> x, const Axes& axes) {
  for (const int axis : detail::checked_axes("flip", x.shape(), axes)) {
    x = narrow(x, axis, x.shape()[axis] - 1, x.shape()[axis], -1);
  }
  return x;
}

/// Adds `before` zeros in front of x's entries along an axis, and `after` zeros behind them. @throws ShapeError for a
/// negative number.
template <class T>
Var<T> pad(Var<T> x, int axis, Index before, Index after) {
  const Shape inner = x.shape();
  const int chosen = detail::checked_axis("pad", inner, axis);
  const Index room = (std::numeric_limits<Index>::max)() - inner[chosen];
  if (before < 0 || after < 0 || before > room || after > room - before) {
    throw ShapeError("pad: cannot add ", before, " and ", after, " entries to ", inner);
  }
  if (before + after == 0) return x;
  const Shape outer = detail::with_extent(inner, chosen, inner[chosen] + before + after);
  const kernels::Strides to = kernels::strides_of(outer);
  detail::StridedMap map{"pad", "narrow", inner, outer, {inner, kernels::strides_of(inner), to}, false, true};
  map.loop.begin(0, before * to[static_cast<std::size_t>(chosen)]);
  return apply_map(map, x);
}

namespace detail {

/// The strides of matrices for walking along their diagonals: the last two axes advance together.
inline kernels::Strides diagonal_strides(const Shape& matrices) {
  kernels::Strides strides = kernels::strides_of(matrices);
  const auto row = static_cast<std::size_t>(matrices.rank() - 2);
  strides[row] += strides[row + 1];
  return strides;
}

}  // namespace detail

/// The diagonal of a matrix (M, N), or of each matrix in a batch, as the last axis. @throws ShapeError for fewer than
/// two axes.
template <class T>
Var<T> diagonal(Var<T> x) {
  const Shape from = x.shape();
  if (from.rank() < 2) throw ShapeError("diagonal: needs a matrix, got ", from);
  const int row = from.rank() - 2;
  const Index length = (std::min)(from[row], from[row + 1]);
  detail::Extents extents(from.extents().first(from.extents().size() - 1));
  extents.back() = length;
  const Shape to(extents, from.layout());
  return apply_map(detail::StridedMap{"diagonal",
                                      "diagonal_matrix",
                                      from,
                                      to,
                                      {to, detail::diagonal_strides(from), kernels::strides_of(to)},
                                      true,
                                      from.size() == to.size()},
                   x);
}

/// The square matrix with the last axis of x on its diagonal and zeros elsewhere.
template <class T>
Var<T> diagonal_matrix(Var<T> x) {
  const Shape from = x.shape();
  if (from.rank() < 1) throw ShapeError("diagonal_matrix: needs an axis, got a scalar");
  detail::Extents extents(from.extents());
  extents.push_back(extents.back());
  const Shape to(extents, from.layout());
  return apply_map(detail::StridedMap{"diagonal_matrix",
                                      "diagonal",
                                      from,
                                      to,
                                      {from, kernels::strides_of(from), detail::diagonal_strides(to)},
                                      false,
                                      true},
                   x);
}

}  // namespace hypertape::inline HYPERTAPE_ABI
