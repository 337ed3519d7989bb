#pragma once

#include <algorithm>

#include "hypertape/autodiff/linear_map.hpp"
#include "hypertape/core/short_list.hpp"
#include "hypertape/kernels/strided.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

namespace detail {

/// out = 0, then out[i . b] += in[i . a] for every index i of a strided loop.
struct StridedMap {
  const char *name, *adjoint_name;
  Shape domain, codomain;
  kernels::StridedLoop loop;
  /// Whether the loop visits each element of the codomain, or of the domain, exactly once.
  bool covers_codomain, covers_domain;
  static constexpr bool cheap = true;

  template <class T>
  void apply(const T* in, T* out) const {
    run(loop, in, out, codomain.size(), covers_codomain);
  }
  template <class T>
  void apply_adjoint(const T* in, T* out) const {
    run(loop.reversed(), in, out, domain.size(), covers_domain);
  }

 private:
  template <class T>
  static void run(const kernels::StridedLoop& loop, const T* in, T* out, Index size, bool covers) {
    if (covers) return loop.run(in, out, kernels::OutputMode::write);
    std::fill_n(out, size, T(0));
    loop.run(in, out, kernels::OutputMode::accumulate);
  }
};

/// A layout that fits both shapes, `first` if possible. @throws ShapeError, naming the operation, if there is none.
inline Layout common_layout(const char* operation, const Shape& a, const Shape& b, Layout first) {
  for (const Layout layout :
       {first, a.layout(), b.layout(), Layout::row_major, Layout::samples_innermost, Layout::channels_innermost}) {
    if (a.has_order(layout) && b.has_order(layout)) return layout;
  }
  throw ShapeError(operation, ": operands must have the same layout, got ", a, " and ", b, "; relayout one of them");
}

/// The shape to which two operands are broadcast, as in NumPy: extents are compared from the last axis on, and an
/// extent that is 1 or missing takes the other's. The layout is one that fits both. @throws ShapeError, naming the
/// operation, if extents differ or no layout fits both.
inline Shape broadcast_shape(const char* operation, const Shape& a, const Shape& b) {
  const int rank = (std::max)(a.rank(), b.rank());
  Extents extents;
  for (int axis = 0; axis < rank; ++axis) {
    const int in_a = axis - rank + a.rank(), in_b = axis - rank + b.rank();
    const Index of_a = in_a < 0 ? 1 : a[in_a], of_b = in_b < 0 ? 1 : b[in_b];
    if (of_a != of_b && of_a != 1 && of_b != 1) {
      throw ShapeError(operation, ": operands must have the same shape, or extents of 1 where they differ, got ", a,
                       " and ", b);
    }
    extents.push_back((std::max)(of_a, of_b));
  }
  const auto is_whole_batch = [&](const Shape& shape) {
    return shape.rank() == rank && shape.layout() == Layout::samples_innermost;
  };
  const Layout first = is_whole_batch(a) || is_whole_batch(b) ? Layout::samples_innermost : Layout::row_major;
  return Shape(extents, common_layout(operation, a, b, first));
}

/// Maps each element to the element of `kept`, where reduced axes have extent 1, to which it is reduced.
inline kernels::StridedLoop reduction(const Shape& from, const Shape& kept) {
  kernels::Strides to = kernels::strides_of(kept);
  for (int axis = 0; axis < kept.rank(); ++axis) {
    if (kept[axis] == 1) to[static_cast<std::size_t>(axis)] = 0;
  }
  return {from, kernels::strides_of(from), to};
}

/// The sums over the axes that have extent 1 in `kept`, in the layout of `kept`.
template <class T>
Var<T> sum_to(Var<T> x, const Shape& kept) {
  const Shape from = x.shape();
  return apply_map(StridedMap{"sum", "broadcast", from, kept, reduction(from, kept), from.size() == kept.size(), true},
                   x);
}

}  // namespace detail

/// Repeats x along axes of extent 1, and along new axes in front, as NumPy does: (3, 1) to (2, 3, 4). The result has
/// the layout of `shape`. @throws ShapeError if another extent would have to change.
template <class T>
Var<T> broadcast_to(Var<T> x, const Shape& shape) {
  const Shape from = x.shape();
  if (from == shape) return x;
  const int added = shape.rank() - from.rank();
  bool fits = added >= 0;
  for (int axis = 0; fits && axis < from.rank(); ++axis) {
    fits = from[axis] == 1 || from[axis] == shape[added + axis];
  }
  if (!fits) throw ShapeError("broadcast_to: ", from, " does not fit into ", shape);
  const kernels::Strides own = kernels::strides_of(from);
  kernels::Strides repeating{};  // 0 along axes of extent 1 and along new axes
  const auto first = static_cast<std::size_t>(added);
  for (std::size_t axis = 0; first + axis < static_cast<std::size_t>(shape.rank()); ++axis) {
    if (from[static_cast<int>(axis)] > 1) repeating[first + axis] = own[axis];
  }
  return apply_map(detail::StridedMap{"broadcast",
                                      "sum",
                                      from,
                                      shape,
                                      {shape, repeating, kernels::strides_of(shape)},
                                      true,
                                      from.size() == shape.size()},
                   x);
}

}  // namespace hypertape::inline HYPERTAPE_ABI
