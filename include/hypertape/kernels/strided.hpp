#pragma once

#include <algorithm>
#include <array>
#include <utility>

#include "hypertape/core/shape.hpp"
#include "hypertape/kernels/elementwise.hpp"
#include "hypertape/kernels/output_mode.hpp"
#include "hypertape/kernels/reduce_kernels.hpp"
#include "hypertape/kernels/transpose.hpp"

namespace hypertape::inline HYPERTAPE_ABI::kernels {

/// The distance in memory between neighboring entries of each axis, by the shape's layout; 0 past the last axis.
using Strides = std::array<Index, Shape::max_rank>;

/// The strides of a shape.
inline Strides strides_of(const Shape& shape) {
  Strides strides{};
  Index next = 1;
  const auto place = [&](int axis) {
    Index& stride = strides[static_cast<std::size_t>(axis)];
    if (axis >= shape.rank() || stride != 0) return;
    stride = next;
    next *= shape[axis];
  };
  if (shape.layout() == Layout::samples_innermost) place(0);
  if (shape.layout() == Layout::channels_innermost) place(1);
  for (int axis = Shape::max_rank - 1; axis >= 0; --axis) place(axis);
  return strides;
}

/// A loop over pairs of elements, (from[i . a], to[i . b]) for every index i, with up to as many axes as a shape has. A
/// stride of 0 repeats an element; a negative stride goes backward.
class StridedLoop {
 public:
  /// One axis of the loop.
  struct Axis {
    Index extent = 1;  ///< number of entries
    Index from = 0;    ///< stride in what is read
    Index to = 0;      ///< stride in what is written
  };

  StridedLoop() = default;
  /// Loops over every index of these extents, with each side's strides.
  StridedLoop(const Shape& extents, const Strides& from, const Strides& to) {
    for (int axis = 0; axis < extents.rank(); ++axis) {
      add(extents[axis], from[static_cast<std::size_t>(axis)], to[static_cast<std::size_t>(axis)]);
    }
  }

  /// Adds an axis that varies faster than those before. Extents of 1 are left out.
  void add(Index extent, Index from, Index to) {
    if (extent > 1) axes_[static_cast<std::size_t>(rank_++)] = {extent, from, to};
  }
  /// Sets the offset at which each side begins.
  void begin(Index from, Index to) {
    from_ = from;
    to_ = to;
  }

  /// to[...] = start + from[...], in the order of `to`. With accumulation, an element reached several times gets the
  /// sum; `to` is not cleared first.
  template <class T>
  void run(const T* from, T* to, OutputMode mode) const {
    StridedLoop loop = *this;
    loop.simplify();
    loop.nest<Shape::max_rank>(from + from_, to + to_, mode);
  }

  /// The loop with source and destination swapped.
  StridedLoop reversed() const {
    StridedLoop loop = *this;
    std::swap(loop.from_, loop.to_);
    for (Axis& axis : loop.axes_) std::swap(axis.from, axis.to);
    return loop;
  }

  /// Calls visit(offset in from, offset in to) for each pair; the first axis added varies slowest.
  template <class Visit>
  void for_each(const Visit& visit) const {
    visit_axis<0>(from_, to_, visit);
  }

 private:
  /// Sorts the axes so that axes_[0], the innermost, has the smallest strides, and merges axes that are contiguous in
  /// both memories.
  void simplify() {
    const auto size = [](Index stride) { return stride < 0 ? -stride : stride; };
    const auto key = [&](const Axis& axis) {  // puts a sum's axis as far inside as the source's strides allow
      return std::pair(size(axis.to == 0 ? axis.from : axis.to), size(axis.from));
    };
    const auto first = axes_.begin();
    for (auto axis = first; axis != first + rank_; ++axis) {  // insertion sort: std::stable_sort allocates memory
      std::rotate(std::upper_bound(first, axis, *axis, [&](const Axis& a, const Axis& b) { return key(a) < key(b); }),
                  axis, axis + 1);
    }
    int kept = 0;
    for (int k = 0; k < rank_; ++k) {
      const Axis axis = axes_[static_cast<std::size_t>(k)];
      if (kept > 0) {
        Axis& inner = axes_[static_cast<std::size_t>(kept - 1)];
        if (axis.from == inner.from * inner.extent && axis.to == inner.to * inner.extent) {
          inner.extent *= axis.extent;
          continue;
        }
      }
      axes_[static_cast<std::size_t>(kept++)] = axis;
    }
    rank_ = kept;
  }

  /// The loop over the first Rank axes, or all if there are fewer.
  template <int Rank, class T>
  void nest(const T* from, T* to, OutputMode mode) const {
    if constexpr (Rank <= 1) {
      innermost(rank_ == 0 ? Axis{} : axes_[0], from, to, mode);
    } else {
      if (rank_ < Rank) return nest<Rank - 1>(from, to, mode);
      const Axis &inner = axes_[0], &outer = axes_[Rank - 1];
      if (Rank == 2 && inner.to == 1 && outer.from == 1 && inner.from >= outer.extent && outer.to >= inner.extent) {
        return transpose_matrix(inner.extent, outer.extent, from, inner.from, to, outer.to, mode);
      }
      for (Index i = 0; i < outer.extent; ++i) nest<Rank - 1>(from + i * outer.from, to + i * outer.to, mode);
    }
  }

  template <class T>
  static void innermost(const Axis& axis, const T* from, T* to, OutputMode mode) {
    const auto [extent, a, b] = axis;
    const bool add = mode == OutputMode::accumulate;
    if (b == 0 && extent > 1) {  // a sum
      T total = 0;
      if (a == 1) {
        total = sum(extent, from);
      } else {
        for (Index i = 0; i < extent; ++i) total += from[i * a];
      }
      *to = add ? *to + total : total;
    } else if (a == 1 && b == 1) {
      if (!add) return static_cast<void>(std::copy_n(from, extent, to));
      map(extent, to, from, to, [](T sum, T value) { return sum + value; });
    } else if (a == 0 && b == 1) {
      const T value = *from;
      if (!add) return static_cast<void>(std::fill_n(to, extent, value));
      map(extent, to, to, [value](T sum) { return sum + value; });
    } else {
      for (Index i = 0; i < extent; ++i) to[i * b] = from[i * a] + (add ? to[i * b] : T(0));
    }
  }

  template <int axis, class Visit>
  void visit_axis(Index from, Index to, const Visit& visit) const {
    if constexpr (axis < Shape::max_rank) {
      if (axis == rank_) return visit(from, to);
      const Axis& own = axes_[axis];
      for (Index i = 0; i < own.extent; ++i) visit_axis<axis + 1>(from + i * own.from, to + i * own.to, visit);
    } else {
      visit(from, to);
    }
  }

  std::array<Axis, Shape::max_rank> axes_{};
  int rank_ = 0;
  Index from_ = 0, to_ = 0;
};

}  // namespace hypertape::inline HYPERTAPE_ABI::kernels
