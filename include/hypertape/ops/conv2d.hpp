#pragma once

#include "hypertape/autodiff/contraction.hpp"
#include "hypertape/core/parallel.hpp"
#include "hypertape/kernels/conv2d_kernels.hpp"
#include "hypertape/ops/reduce.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

namespace detail {

/// t(x, w, y) = sum of x[n][c][s oy + ky - p][s ox + kx - p] w[o][c][ky][kx] y[n][o][oy][ox] over all seven indices
/// (stride s, padding p).
struct Conv2dForm {
  static constexpr const char* names[3] = {"conv2d_input_gradient", "conv2d_weight_gradient", "conv2d"};
  kernels::Conv2dGeometry geometry;

  Shape shape(Role role) const {
    return role == Role::first ? geometry.input() : role == Role::second ? geometry.weight() : geometry.output();
  }
  ChannelSumMap bias() const { return {geometry.output(), Shape{geometry.O}}; }

  template <Role role>
  Index parts() const {
    return parallel_parts(role == Role::first ? geometry.C : geometry.O, geometry.multiply_adds());
  }
  template <Role role>
  Index scratch_of_part() const {
    if constexpr (role == Role::first) return kernels::conv2d_input_gradient_scratch(geometry);
    if constexpr (role == Role::second) return kernels::conv2d_weight_gradient_scratch(geometry);
    return kernels::conv2d_scratch(geometry);
  }
  template <Role role>
  Index scratch() const {
    return parts<role>() * scratch_of_part<role>();
  }
  /// One after the other; a bias needs no pass of its own.
  template <Role role, std::size_t Pairs, class T>
  void contract_sum(const std::array<OperandPair<T>, Pairs>& pairs, const T* bias, kernels::OutputMode mode, T* out,
                    T* scratch) const {
    for (const auto& [first, second] : pairs) {
      const auto add = [&, a = first, b = second](Index part, Range channels) {
        T* own = scratch + part * scratch_of_part<role>();
        if constexpr (role == Role::first) kernels::conv2d_input_gradient(geometry, channels, b, a, mode, out, own);
        if constexpr (role == Role::second) kernels::conv2d_weight_gradient(geometry, channels, b, a, mode, out, own);
        if constexpr (role == Role::product) kernels::conv2d(geometry, channels, a, b, bias, mode, out, own);
      };
      parallel_ranges(parts<role>(), role == Role::first ? geometry.C : geometry.O, add);
      bias = nullptr;
      mode = kernels::OutputMode::accumulate;
    }
  }
};

/// @throws ShapeError unless the bias is (O).
inline void require_conv2d_bias(const kernels::Conv2dGeometry& geometry, const Shape& bias) {
  if (bias == Shape{geometry.O}) return;
  throw ShapeError("conv2d: weight ", geometry.weight(), " needs a bias ", Shape{geometry.O}, ", got ", bias);
}

}  // namespace detail

/// How a kernel moves over an image: zero columns and rows around it, and positions from one output to the next.
struct Conv2dOptions {
  Index stride = 1;   ///< positions from one output to the next
  Index padding = 0;  ///< zero rows and columns on each side
};

/// Cross-correlation: y (N, O, OH, OW) of x (N, C, H, W) with weight (O, C, K, K), OH = (H + 2 padding - K) / stride
/// + 1.
/// @throws ShapeError if these do not fit.
template <class T>
Var<T> conv2d(Var<T> x, Var<T> weight, Conv2dOptions options = {}) {
  const auto geometry = kernels::conv2d_geometry(x.shape(), weight.shape(), options.stride, options.padding);
  return contract<Role::product>(detail::Conv2dForm{geometry}, {x, weight});
}

/// The same plus bias (O), one for each output channel. @throws ShapeError if these do not fit.
template <class T>
Var<T> conv2d(Var<T> x, Var<T> weight, Var<T> bias, Conv2dOptions options = {}) {
  const auto geometry = kernels::conv2d_geometry(x.shape(), weight.shape(), options.stride, options.padding);
  detail::require_conv2d_bias(geometry, bias.shape());
  return contract<Role::product>(detail::Conv2dForm{geometry}, {x, weight, bias});
}

}  // namespace hypertape::inline HYPERTAPE_ABI
