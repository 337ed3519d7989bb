#pragma once

#include <algorithm>

#include "hypertape/autodiff/sweep.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

namespace detail {

/// The adjoint of slicing: a tensor of zeros plus parts x_i at given offsets of its memory, which add up where they
/// overlap. The reverse sweep uses it to assemble the adjoints of slices.
template <class T>
struct Assemble final : Operation<T> {
  const Index* offsets;  ///< ascending

  /// The offsets must live as long as the tape's record.
  explicit Assemble(const Index* offsets_) : offsets(offsets_) {}

  const char* name() const override { return "assemble"; }

  void evaluate(const Evaluation<T>& call) const override {
    T* out = call.output();
    Index written = 0;
    for (int i = 0; i < call.inputs(); ++i) {
      const T* in = call.input(i);
      T* to = out + offsets[i];
      if (written < offsets[i]) std::fill(out + written, to, T(0));
      if (in == to) {  // evaluated in place, and overlaps no other part
        written = offsets[i] + call.input_shape(i).size();
        continue;
      }
      const Index size = call.input_shape(i).size(), shared = std::clamp<Index>(written - offsets[i], 0, size);
      for (Index k = 0; k < shared; ++k) to[k] += in[k];
      std::copy(in + shared, in + size, to + shared);
      written = (std::max)(written, offsets[i] + size);
    }
    std::fill(out + written, out + call.output_shape().size(), T(0));
  }

  Var<T> tangent(const TangentSweep<T>& call) const override {
    auto* used_offsets = call.tape().template allocate<Index>(call.inputs());
    auto* used = call.tape().template allocate<Var<T>>(call.inputs());
    std::size_t count = 0;
    for (int i = 0; i < call.inputs(); ++i) {
      if (!call.tangent(i)) continue;
      used_offsets[count] = offsets[i];
      used[count++] = call.tangent(i);
    }
    return call.tape().apply(Assemble(used_offsets), call.output_shape(), std::span<const Var<T>>(used, count),
                             call.place());
  }

  void pullback(PullbackSweep<T>& call) const override {
    for (int i = 0; i < call.inputs(); ++i) {
      if (call.needs(i)) call.add(i, call.adjoint().slice(offsets[i], call.input(i).shape()));
    }
  }
};

/// A contiguous part of a tensor's memory with its own shape; nothing is copied.
template <class T>
struct Slice final : Operation<T> {
  Index offset;  ///< offset of the first value in the input's memory

  /// The part that begins at this offset.
  explicit Slice(Index offset_) : offset(offset_) {}

  const char* name() const override { return "slice"; }
  void evaluate(const Evaluation<T>&) const override {}
  Var<T> tangent(const TangentSweep<T>& call) const override {
    return call.tangent(0).slice(offset, call.output_shape());
  }
  void pullback(PullbackSweep<T>& call) const override {
    if (call.needs(0)) call.add_part(0, offset, call.adjoint());
  }
};

/// The shape of x's memory from `offset` on when viewed as `asked`: a batch keeps its layout and its samples. @throws
/// ShapeError if the view would read x's values in an order other than theirs.
inline Shape view_shape(const char* operation, const Shape& x, Index offset, const Shape& asked) {
  if ((x.is_row_major() && x.is_batch()) || asked.size() == 1) return asked;
  if (x.is_row_major()) {
    if (asked.is_row_major()) return asked.with_layout(Layout::row_major);
    throw ShapeError(operation, ": the values of ", x, " are row-major, ", asked,
                     " would read them in another order; relayout first");
  }
  if (x.is_batch()) {
    const Shape shape = asked.with_layout(Layout::samples_innermost);
    if (asked.rank() > 0 && asked[0] == x[0] && offset % x[0] == 0 && shape.is_batch()) return shape;
    throw ShapeError(operation, ": ", x,
                     " has its samples innermost: axis 0 must stay as it is and the offset be a multiple of ",
                     "it, got ", asked, " at offset ", offset, "; to read it otherwise, relayout first");
  }
  bool whole_samples = asked.rank() == x.rank() && offset % x.features() == 0;
  for (int axis = 1; axis < x.rank(); ++axis) whole_samples = whole_samples && asked[axis] == x[axis];
  if (whole_samples) return asked.with_layout(Layout::channels_innermost);
  throw ShapeError(operation, ": ", x, " has its channels innermost: only whole samples can be taken, got ", asked,
                   " at offset ", offset, "; to read it otherwise, relayout first");
}

}  // namespace detail

template <class T>
Var<T> Var<T>::slice(Index offset, const Shape& asked) const {
  const Shape shape = detail::view_shape("slice", this->shape(), offset, asked);
  if (offset < 0 || offset > size() - shape.size()) {
    throw ShapeError("slice: ", shape, " at offset ", offset, " reaches past the ", size(), " elements of ",
                     this->shape());
  }
  return tape().alias(detail::Slice<T>(offset), shape, *this, offset);
}

/// The same values in the same order under another shape; nothing is copied. A batch stays a batch with the same number
/// of samples: `reshape(x, {N, 400})` flattens images. @throws ShapeError if the sizes differ, or the new shape would
/// read the values in another order.
template <class T>
Var<T> reshape(Var<T> x, const Shape& asked) {
  if (asked.size() != x.size()) {
    throw ShapeError("reshape: ", x.shape(), " has ", x.size(), " elements, ", asked, " has ", asked.size());
  }
  const Shape shape = detail::view_shape("reshape", x.shape(), 0, asked);
  return shape == x.shape() ? x : x.slice(0, shape);
}

}  // namespace hypertape::inline HYPERTAPE_ABI
