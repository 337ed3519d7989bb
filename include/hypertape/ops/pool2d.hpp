#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include "hypertape/autodiff/linear_map.hpp"
#include "hypertape/kernels/pool2d_kernels.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

namespace detail {

/// A x = x[source], with a source in the same channel for each output; A^T adds each value to its source.
struct GatherMap {
  static constexpr const char *name = "gather", *adjoint_name = "scatter";
  static constexpr bool cheap = true;
  Shape domain, codomain;
  const std::int32_t* source;

  template <class T>
  void apply(const T* in, T* out) const {
    for (Index i = 0; i < codomain.size(); ++i) out[i] = in[source[i]];
  }
  template <class T>
  void apply_adjoint(const T* in, T* out) const {
    const Index C = domain[1], from = codomain.size() / C, to = domain.size() / C;
    for (Index c = 0; c < C; ++c) {  // channel by channel: one just cleared is still in a cache
      std::fill_n(out + c * to, to, T(0));
      for (Index i = c * from; i < (c + 1) * from; ++i) out[source[i]] += in[i];
    }
  }
};

/// y = the largest value of each window; both derivatives follow the positions where these values were found.
template <class T>
struct MaxPool2d final : Operation<T> {
  kernels::Pool2dGeometry geometry;  ///< sizes of the windows and the image
  std::int32_t* source;              ///< position of each output's value; in the tape's memory

  /// `source_` must hold a position for each output and live as long as the tape's record.
  MaxPool2d(const kernels::Pool2dGeometry& geometry_, std::int32_t* source_) : geometry(geometry_), source(source_) {}

  const char* name() const override { return "max_pool2d"; }
  bool is_cheap() const override { return true; }
  void evaluate(const Evaluation<T>& call) const override {
    kernels::max_pool2d(geometry, call.input(0), call.output(), source);
  }
  Var<T> tangent(const TangentSweep<T>& call) const override { return apply_map(positions(), call.tangent(0)); }
  void pullback(PullbackSweep<T>& call) const override {
    if (call.needs(0)) call.add(0, apply_map<true>(positions(), call.adjoint()));
  }

 private:
  GatherMap positions() const { return {geometry.input(), geometry.output(), source}; }
};

/// A x = the mean over each window, counting the padding as zeros.
struct AveragePool2dMap {
  static constexpr const char *name = "average_pool2d", *adjoint_name = "average_pool2d_adjoint";
  static constexpr bool cheap = true;
  Shape domain, codomain;
  kernels::Pool2dGeometry geometry;

  template <class T>
  void apply(const T* in, T* out) const {
    kernels::average_pool2d(geometry, in, out);
  }
  template <class T>
  void apply_adjoint(const T* in, T* out) const {
    kernels::average_pool2d_adjoint(geometry, in, out);
  }
};

}  // namespace detail

/// Windows of `size` x `size`, `stride` apart, over an image with `padding` around it.
struct Pool2dOptions {
  Index size = 2;     ///< rows and columns of a window
  Index stride = 0;   ///< positions from one window to the next; 0 means the size
  Index padding = 0;  ///< rows and columns around the image
};

/// y (N, C, OH, OW) = the maximum over each window of x (N, C, H, W), ignoring the padding. If values are equal, the
/// gradient goes to the first in row-major order, as in PyTorch. @throws ShapeError if the windows do not fit.
template <class T>
Var<T> max_pool2d(Var<T> x, Pool2dOptions options = {}) {
  const Index stride = options.stride == 0 ? options.size : options.stride;
  const auto g = kernels::pool2d_geometry("max_pool2d", x.shape(), options.size, stride, options.padding);
  if (x.size() > (std::numeric_limits<std::int32_t>::max)()) {
    throw ShapeError("max_pool2d: positions are kept in 32 bits, ", x.shape(), " has too many elements");
  }
  const Shape out = g.output();
  return x.tape().apply(detail::MaxPool2d<T>(g, x.tape().template allocate<std::int32_t>(out.size())), out, {x});
}

/// y (N, C, OH, OW) = the mean over each window of x (N, C, H, W), with the padding counted as zeros. @throws
/// ShapeError if a window does not fit in the image, or the padding is more than half a window.
template <class T>
Var<T> average_pool2d(Var<T> x, Pool2dOptions options = {}) {
  const Index stride = options.stride == 0 ? options.size : options.stride;
  const auto g = kernels::pool2d_geometry("average_pool2d", x.shape(), options.size, stride, options.padding);
  return apply_map(detail::AveragePool2dMap{g.input(), g.output(), g}, x);
}

}  // namespace hypertape::inline HYPERTAPE_ABI
