#pragma once

#include <initializer_list>
#include <span>
#include <utility>
#include <vector>

#include "hypertape/ops/rearrange.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

namespace detail {

/// A x = x[source], elementwise in memory order; A^T adds each value to its source.
struct IndexMap {
  const char *name, *adjoint_name;
  Shape domain, codomain;
  const Index* source;  ///< for each element of the codomain; in the tape's memory
  static constexpr bool cheap = true;

  template <class T>
  void apply(const T* in, T* out) const {
    for (Index i = 0; i < codomain.size(); ++i) out[i] = in[source[i]];
  }
  template <class T>
  void apply_adjoint(const T* in, T* out) const {
    std::fill_n(out, domain.size(), T(0));
    for (Index i = 0; i < codomain.size(); ++i) out[source[i]] += in[i];
  }
};

}  // namespace detail

/// Selects entries of one axis by number, in the given order; numbers may repeat. `index_select(table, 0, rows)`
/// selects rows of a table, as an embedding does. The derivatives of repeated entries add up. @throws ShapeError for a
/// number that the axis does not have, or if there are no numbers.
template <class T>
Var<T> index_select(Var<T> x, int axis, std::span<const Index> numbers) {
  const Shape from = x.shape();
  const int chosen = detail::checked_axis("index_select", from, axis);
  for (const Index number : numbers) {
    if (number < 0 || number >= from[chosen]) {
      throw ShapeError("index_select: axis ", axis, " of ", from, " has no entry ", number);
    }
  }
  const Shape to = detail::with_extent(from, chosen, static_cast<Index>(numbers.size()));
  const kernels::Strides a = kernels::strides_of(from), b = kernels::strides_of(to);
  const kernels::StridedLoop loop(detail::with_extent(from, chosen, 1), a, b);  // over one selected entry
  const Index from_step = a[static_cast<std::size_t>(chosen)], to_step = b[static_cast<std::size_t>(chosen)];
  auto* source = x.tape().template allocate<Index>(to.size());
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    loop.for_each(
        [&](Index in, Index out) { source[out + static_cast<Index>(i) * to_step] = in + numbers[i] * from_step; });
  }
  return apply_map(detail::IndexMap{"index_select", "index_add", from, to, source}, x);
}
/// Selects entries by numbers given in braces.
template <class T>
Var<T> index_select(Var<T> x, int axis, std::initializer_list<Index> numbers) {
  return index_select(x, axis, std::span<const Index>(numbers.begin(), numbers.size()));
}

namespace detail {

/// The map of `gather`: element i of the result comes from entry numbers[i] on the axis, at i's position on the others.
template <class T>
IndexMap gather_map(const char* name, const char* adjoint_name, Tape<T>& tape, const Shape& x, int axis,
                    std::span<const Index> numbers, const Shape& shape) {
  const int chosen = checked_axis(name, x, axis);
  if (!with_extent(shape, chosen, x[chosen]).same_extents(x)) {
    throw ShapeError(name, ": the numbers ", shape, " must have the extents of ", x, " on all axes but ", axis);
  }
  if (static_cast<Index>(numbers.size()) != shape.size()) {
    throw ShapeError(name, ": ", shape, " needs ", shape.size(), " numbers, got ", numbers.size());
  }
  kernels::Strides others = kernels::strides_of(x);
  const Index stride = std::exchange(others[static_cast<std::size_t>(chosen)], 0);
  const kernels::StridedLoop loop(shape, others, kernels::strides_of(shape));
  auto* source = tape.template allocate<Index>(shape.size());
  std::size_t next = 0;  // index into the numbers, which are row-major
  loop.for_each([&](Index in, Index out) {
    const Index number = numbers[next++];
    if (number < 0 || number >= x[chosen]) throw ShapeError(name, ": axis ", axis, " of ", x, " has no entry ", number);
    source[out] = in + number * stride;
  });
  return {name, adjoint_name, x, shape, source};
}

}  // namespace detail

/// Picks an entry along one axis for each element of the result: out[i][j] = x[numbers[i][j]][j] for axis 0. The
/// numbers are in row-major order for a result of this shape, which has x's layout. @throws ShapeError if another
/// extent differs from x's, or a number is out of range.
template <class T>
Var<T> gather(Var<T> x, int axis, std::span<const Index> numbers, const Shape& shape) {
  return apply_map(detail::gather_map("gather", "scatter_add", x.tape(), x.shape(), axis, numbers,
                                      shape.with_layout(x.shape().layout())),
                   x);
}

/// The adjoint of `gather`: starts from zeros of this shape and adds values[i][j] to [numbers[i][j]][j] for axis 0.
/// @throws what `gather` throws.
template <class T>
Var<T> scatter_add(Var<T> values, int axis, std::span<const Index> numbers, const Shape& shape) {
  return apply_map<true>(detail::gather_map("gather", "scatter_add", values.tape(),
                                            shape.with_layout(values.shape().layout()), axis, numbers, values.shape()),
                         values);
}

}  // namespace hypertape::inline HYPERTAPE_ABI
