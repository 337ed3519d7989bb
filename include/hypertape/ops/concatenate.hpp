#pragma once

#include <span>
#include <vector>

#include "hypertape/ops/rearrange.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

namespace detail {

/// Joins tensors along an axis.
template <class T>
struct Concatenate final : Operation<T> {
  int axis;  ///< the axis to join along

  /// Joins along this axis.
  explicit Concatenate(int axis_) : axis(axis_) {}

  const char* name() const override { return "concatenate"; }
  bool is_cheap() const override { return true; }
  void evaluate(const Evaluation<T>& call) const override {
    const Shape& to = call.output_shape();
    const kernels::Strides b = kernels::strides_of(to);
    Index begin = 0;
    for (int i = 0; i < call.inputs(); ++i) {
      const Shape& from = call.input_shape(i);
      kernels::StridedLoop loop(from, kernels::strides_of(from), b);
      loop.begin(0, begin * b[static_cast<std::size_t>(axis)]);
      loop.run(call.input(i), call.output(), kernels::OutputMode::write);
      begin += from[axis];
    }
  }
  Var<T> tangent(const TangentSweep<T>& call) const override {
    auto* tangents = call.tape().template allocate<Var<T>>(call.inputs());
    for (int i = 0; i < call.inputs(); ++i) {
      const Var<T> own = call.tangent(i);
      tangents[i] = own ? own : call.tape().full(call.input(i).shape(), T(0));
    }
    const std::span<const Var<T>> all(tangents, static_cast<std::size_t>(call.inputs()));
    return call.tape().apply(Concatenate(axis), call.output_shape(), all);
  }
  void pullback(PullbackSweep<T>& call) const override {
    Index begin = 0;
    for (int i = 0; i < call.inputs(); ++i) {
      const Index extent = call.input(i).shape()[axis];
      if (call.needs(i)) call.add(i, narrow(call.adjoint(), axis, begin, extent));
      begin += extent;
    }
  }
};

}  // namespace detail

/// Joins tensors along an axis; all other extents, and the layouts, must agree. @throws ShapeError if they do not, or
/// if there is no tensor.
template <class T>
Var<T> concatenate(std::span<const Var<T>> parts, int axis) {
  if (parts.empty()) throw ShapeError("concatenate: needs at least one tensor");
  const Shape first = parts.front().shape();
  const int chosen = detail::checked_axis("concatenate", first, axis);
  Index extent = 0;
  Shape strictest = first;  // has a layout that fits all parts so far
  for (const Var<T>& part : parts) {
    const Shape own = part.shape();
    if (own.rank() != first.rank() || !detail::with_extent(own, chosen, first[chosen]).same_extents(first)) {
      throw ShapeError("concatenate: ", first, " and ", own, " differ in more than axis ", axis);
    }
    const Layout layout = detail::common_layout("concatenate", strictest, own, strictest.layout());
    strictest = (own.has_order(strictest.layout()) ? strictest : own).with_layout(layout);
    extent += own[chosen];
  }
  const Shape to = detail::with_extent(strictest, chosen, extent);
  for (const Var<T>& part : parts) detail::common_layout("concatenate", part.shape(), to, to.layout());
  return parts.front().tape().apply(detail::Concatenate<T>(chosen), to, parts);
}
/// Joins the tensors of a vector.
template <class T>
Var<T> concatenate(const std::vector<Var<T>>& parts, int axis) {
  return concatenate(std::span<const Var<T>>(parts), axis);
}
/// Joins tensors given in braces.
template <class T>
Var<T> concatenate(std::initializer_list<Var<T>> parts, int axis) {
  return concatenate(std::span<const Var<T>>(parts.begin(), parts.size()), axis);
}

/// Stacks row-major tensors of the same shape along a new axis, which is axis `axis` of the result. @throws ShapeError
/// if the shapes differ, or a tensor already has five axes. (std::stack is a class.)
template <class T>
Var<T> stack_along(std::span<const Var<T>> parts, int axis = 0) {
  std::vector<Var<T>> wide;
  for (const Var<T>& part : parts) {
    const Shape own = part.shape();
    detail::require_row_major("stack_along", "a tensor", own);
    if (axis < -own.rank() - 1 || axis > own.rank())
      throw ShapeError("stack_along: ", own, " cannot be stacked along axis ", axis);
    detail::Extents extents;
    for (int k = 0; k <= own.rank(); ++k) {
      const int place = axis < 0 ? axis + own.rank() + 1 : axis;
      extents.push_back(k < place ? own[k] : k == place ? 1 : own[k - 1]);
    }
    wide.push_back(reshape(part, Shape(extents)));
  }
  return concatenate(std::span<const Var<T>>(wide), axis);
}
/// Stacks the tensors of a vector.
template <class T>
Var<T> stack_along(const std::vector<Var<T>>& parts, int axis = 0) {
  return stack_along(std::span<const Var<T>>(parts), axis);
}
/// Stacks tensors given in braces.
template <class T>
Var<T> stack_along(std::initializer_list<Var<T>> parts, int axis = 0) {
  return stack_along(std::span<const Var<T>>(parts.begin(), parts.size()), axis);
}

/// Cuts x along an axis into parts of these extents. @throws ShapeError unless they add up to the axis's extent.
template <class T>
std::vector<Var<T>> split(Var<T> x, int axis, std::span<const Index> extents) {
  std::vector<Var<T>> parts;
  const int chosen = detail::checked_axis("split", x.shape(), axis);
  Index begin = 0;
  for (const Index extent : extents) {
    if (extent < 1 || extent > x.shape()[chosen] - begin) break;
    parts.push_back(narrow(x, chosen, begin, extent));
    begin += extent;
  }
  if (begin != x.shape()[chosen] || parts.size() != extents.size()) {
    throw ShapeError("split: the parts must be at least 1 and add up to the extent of axis ", axis, " of ", x.shape());
  }
  return parts;
}
/// Cuts x into parts with extents given in braces.
template <class T>
std::vector<Var<T>> split(Var<T> x, int axis, std::initializer_list<Index> extents) {
  return split(x, axis, std::span<const Index>(extents.begin(), extents.size()));
}

}  // namespace hypertape::inline HYPERTAPE_ABI
