#pragma once

#include <algorithm>

#include "hypertape/autodiff/sweep.hpp"

namespace hypertape {

/// The adjoint of slicing: a tensor that is zero but for parts x_i at given offsets of its memory, which add up where
/// they overlap. The reverse sweep puts the adjoints of slices together with it.
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
      if (in == to) {  // evaluated in its place, which overlaps no other
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

/// A stretch of a tensor's memory under a shape of its own; nothing is copied.
template <class T>
struct Slice final : Operation<T> {
  Index offset;  ///< of the first value, in the input's memory

  /// The stretch that begins at this offset.
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

template <class T>
Var<T> Var<T>::slice(Index offset, const Shape& shape) const {
  if (offset < 0 || offset > size() - shape.size()) {
    throw ShapeError("slice: ", shape, " at offset ", offset, " reaches past the ", size(), " elements of ",
                     this->shape());
  }
  return tape().alias(Slice<T>(offset), shape, *this, offset);
}

/// The same values in the same memory order under another shape. @throws ShapeError if the sizes differ.
template <class T>
Var<T> reshape(Var<T> x, const Shape& shape) {
  if (shape.size() != x.size()) {
    throw ShapeError("reshape: ", x.shape(), " has ", x.size(), " elements, ", shape, " has ", shape.size());
  }
  return shape == x.shape() ? x : x.slice(0, shape);
}

}  // namespace hypertape
