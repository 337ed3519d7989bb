#pragma once

#include <algorithm>
#include <initializer_list>
#include <span>
#include <vector>

#include "hypertape/core/short_list.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

/// Axes of a shape by number: one axis, several (`{0, 2}`), or counted from the last (`-1`); at most five.
class Axes {
 public:
  /// @{
  /// From one number, several, or a vector of them. @throws ShapeError for more than five.
  Axes(int axis) : axes_(std::span(&axis, 1)) {}                                          // NOLINT
  Axes(std::initializer_list<int> axes) : axes_(std::span(axes.begin(), axes.size())) {}  // NOLINT
  Axes(const std::vector<int>& axes) : axes_(std::span(axes)) {}                          // NOLINT
  explicit Axes(const detail::ShortList<int>& axes) : axes_(axes) {}
  /// @}

  /// The axes as given.
  std::span<const int> values() const { return axes_; }

 private:
  detail::ShortList<int> axes_;
};

namespace detail {

/// Returns the axis counted from 0. @throws ShapeError, naming the operation, if the shape has no such axis.
inline int checked_axis(const char* operation, const Shape& shape, int axis) {
  if (axis < -shape.rank() || axis >= shape.rank()) {
    throw ShapeError(operation, ": ", shape, " has no axis ", axis);
  }
  return axis < 0 ? axis + shape.rank() : axis;
}

/// Returns the axes counted from 0. @throws ShapeError, naming the operation, if the shape lacks one of them or one is
/// named twice.
inline ShortList<int> checked_axes(const char* operation, const Shape& shape, const Axes& axes) {
  ShortList<int> checked;
  for (const int axis : axes.values()) {
    const int own = checked_axis(operation, shape, axis);
    for (const int other : checked) {
      if (own == other) throw ShapeError(operation, ": axis ", axis, " of ", shape, " is named twice");
    }
    checked.push_back(own);
  }
  return checked;
}

/// The shape with this extent on one axis.
inline Shape with_extent(const Shape& shape, int axis, Index extent) {
  Extents extents(shape.extents());
  extents[static_cast<std::size_t>(axis)] = extent;
  return Shape(extents, shape.layout());
}

/// The shape with these axes reduced to extent 1. @throws what `checked_axes` throws.
inline Shape reduced_shape(const char* operation, const Shape& shape, const Axes& axes) {
  Shape reduced = shape;
  for (const int axis : checked_axes(operation, shape, axes)) reduced = with_extent(reduced, axis, 1);
  return reduced;
}

/// The shape without these axes. It stays a batch while it keeps its axis of samples, and is row-major otherwise.
inline Shape dropped_shape(const char* operation, const Shape& shape, const Axes& axes) {
  const ShortList<int> gone = checked_axes(operation, shape, axes);
  const auto stays = [&](int axis) { return std::find(gone.begin(), gone.end(), axis) == gone.end(); };
  Extents extents;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (stays(axis)) extents.push_back(shape[axis]);
  }
  const bool batch = shape.layout() == Layout::samples_innermost && shape.rank() > 0 && stays(0);
  return Shape(extents, batch ? Layout::samples_innermost : Layout::row_major);
}

}  // namespace detail

}  // namespace hypertape::inline HYPERTAPE_ABI
