#pragma once

#include <initializer_list>
#include <utility>
#include <vector>

#include "hypertape/core/shape.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

/// Axes of a shape by number: one, `{0, 2}`, or counted from the last, `-1`.
class Axes {
 public:
  /// @{
  /// From one number, several, or a vector of them.
  Axes(int axis) : axes_{axis} {}                          // NOLINT(google-explicit-constructor)
  Axes(std::initializer_list<int> axes) : axes_(axes) {}   // NOLINT(google-explicit-constructor)
  Axes(std::vector<int> axes) : axes_(std::move(axes)) {}  // NOLINT(google-explicit-constructor)
  /// @}

  /// As they were given.
  const std::vector<int>& values() const { return axes_; }

 private:
  std::vector<int> axes_;
};

namespace detail {

/// The axis, counted from 0. @throws ShapeError, naming the operation, if the shape does not have it.
inline int checked_axis(const char* operation, const Shape& shape, int axis) {
  if (axis < -shape.rank() || axis >= shape.rank()) {
    throw ShapeError(operation, ": ", shape, " has no axis ", axis);
  }
  return axis < 0 ? axis + shape.rank() : axis;
}

/// The axes, counted from 0. @throws ShapeError, naming the operation, if the shape does not have one of them, or one
/// is named twice.
inline std::vector<int> checked_axes(const char* operation, const Shape& shape, const Axes& axes) {
  std::vector<int> checked;
  for (const int axis : axes.values()) {
    const int own = checked_axis(operation, shape, axis);
    for (const int other : checked) {
      if (own == other) throw ShapeError(operation, ": axis ", axis, " of ", shape, " is named twice");
    }
    checked.push_back(own);
  }
  return checked;
}

/// The shape with another extent of one axis.
inline Shape with_extent(const Shape& shape, int axis, Index extent) {
  std::vector<Index> extents(shape.extents().begin(), shape.extents().end());
  extents[static_cast<std::size_t>(axis)] = extent;
  return Shape(extents, shape.layout());
}

/// The shape with these axes reduced to 1. @throws ShapeError as `checked_axes`.
inline Shape reduced_shape(const char* operation, const Shape& shape, const Axes& axes) {
  Shape reduced = shape;
  for (const int axis : checked_axes(operation, shape, axes)) reduced = with_extent(reduced, axis, 1);
  return reduced;
}

/// The shape without these axes: a batch as long as it keeps its axis of samples, else row-major.
inline Shape dropped_shape(const char* operation, const Shape& shape, const Axes& axes) {
  std::vector<char> gone(static_cast<std::size_t>(shape.rank()));
  for (const int axis : checked_axes(operation, shape, axes)) gone[static_cast<std::size_t>(axis)] = 1;
  std::vector<Index> extents;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (gone[static_cast<std::size_t>(axis)] == 0) extents.push_back(shape[axis]);
  }
  const bool batch = shape.layout() == Layout::samples_innermost && !gone.empty() && gone[0] == 0;
  return Shape(extents, batch ? Layout::samples_innermost : Layout::row_major);
}

}  // namespace detail

}  // namespace hypertape::inline HYPERTAPE_ABI
