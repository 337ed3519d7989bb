#pragma once

#include <span>
#include <utility>
#include <vector>

#include "hypertape/autodiff/contraction.hpp"
#include "hypertape/core/parallel.hpp"
#include "hypertape/kernels/conv2d_kernels.hpp"
#include "hypertape/ops/concatenate.hpp"
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
  /// Adds one pair after the other; a bias needs no extra pass.
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

/// Requires the bias to be (O). @throws ShapeError otherwise.
inline void require_conv2d_bias(const kernels::Conv2dGeometry& geometry, const Shape& bias) {
  if (bias == Shape{geometry.O}) return;
  throw ShapeError("conv2d: weight ", geometry.weight(), " needs a bias ", Shape{geometry.O}, ", got ", bias);
}

}  // namespace detail

/// How a kernel moves over an image: its stride, its zero padding, and the groups of channels.
struct Conv2dOptions {
  Index stride = 1;   ///< positions from one output to the next
  Index padding = 0;  ///< zero rows and columns on each side
  Index groups = 1;   ///< groups of channels, each with its own weights
};

namespace detail {

/// Convolves each group of channels separately and joins the results.
template <class T>
Var<T> grouped_conv2d(Var<T> x, Var<T> weight, Conv2dOptions options) {
  const Shape in = x.shape(), w = weight.shape();
  const Index groups = std::exchange(options.groups, 1);
  if (in.rank() != 4 || w.rank() != 4 || groups < 1 || in[1] % groups != 0 || w[0] % groups != 0) {
    throw ShapeError("conv2d: ", groups, " groups must divide the channels of input ", in, " and weight ", w);
  }
  require_batch("conv2d", "the input", in);
  const Shape part = Shape::batch(in[0], in[1] / groups, in[2], in[3]), part_weight{w[0] / groups, w[1], w[2], w[3]};
  std::vector<Var<T>> outputs;
  for (Index g = 0; g < groups; ++g) {
    outputs.push_back(
        conv2d(x.slice(g * part.size(), part), weight.slice(g * part_weight.size(), part_weight), options));
  }
  return concatenate(std::span<const Var<T>>(outputs), 1);
}

}  // namespace detail

/// Cross-correlation: y (N, O, OH, OW) for x (N, C, H, W) and weight (O, C / groups, K, K), with OH = (H + 2 padding -
/// K) / stride + 1. @throws ShapeError if these do not fit.
template <class T>
Var<T> conv2d(Var<T> x, Var<T> weight, Conv2dOptions options = {}) {
  if (options.groups != 1) return detail::grouped_conv2d(x, weight, options);
  const auto geometry = kernels::conv2d_geometry(x.shape(), weight.shape(), options.stride, options.padding);
  return contract<Role::product>(detail::Conv2dForm{geometry}, {x, weight});
}

/// Cross-correlation plus a bias (O), one value for each output channel. @throws ShapeError if these do not fit.
template <class T>
Var<T> conv2d(Var<T> x, Var<T> weight, Var<T> bias, Conv2dOptions options = {}) {
  if (options.groups != 1) {
    const Var<T> y = conv2d(x, weight, options);
    if (bias.shape() != Shape{y.shape()[1]}) {
      throw ShapeError("conv2d: weight ", weight.shape(), " needs a bias ", Shape{y.shape()[1]}, ", got ",
                       bias.shape());
    }
    return y + repeat_per_channel(bias, y.shape());
  }
  const auto geometry = kernels::conv2d_geometry(x.shape(), weight.shape(), options.stride, options.padding);
  detail::require_conv2d_bias(geometry, bias.shape());
  return contract<Role::product>(detail::Conv2dForm{geometry}, {x, weight, bias});
}

/// Transposed convolution, the input gradient of `conv2d`: y (N, C, H, W) for x (N, O, OH, OW) and weight (O, C, K, K),
/// with H = (OH - 1) stride - 2 padding + K + `more`. The 0 <= more < stride extra rows and columns are those that the
/// convolution ignores at the end (PyTorch's output_padding). @throws ShapeError if these do not fit.
template <class T>
Var<T> conv2d_transpose(Var<T> x, Var<T> weight, Conv2dOptions options = {}, Index more = 0) {
  const Shape in = x.shape(), w = weight.shape();
  if (in.rank() != 4 || w.rank() != 4 || in[1] != w[0] || options.groups != 1 || more < 0 || more >= options.stride) {
    throw ShapeError("conv2d_transpose: input ", in, " and weight ", w, " with stride ", options.stride, ", ", more,
                     " extra rows and columns, and ", options.groups, " groups do not fit: needs (N, O, OH, OW) and ",
                     "(O, C, K, K), fewer extra rows and columns than the stride, and one group");
  }
  detail::require_batch("conv2d_transpose", "the input", in);
  const auto extent = [&](int axis) {
    const Index own = (in[axis] - 1) * options.stride - 2 * options.padding + w[2] + more;
    if (own < 1)
      throw ShapeError("conv2d_transpose: for input ", in, ", a padding of ", options.padding, " leaves no output");
    return own;
  };
  const auto geometry =
      kernels::conv2d_geometry(Shape::batch(in[0], w[1], extent(2), extent(3)), w, options.stride, options.padding);
  return contract<Role::first>(detail::Conv2dForm{geometry}, {weight, x});
}

}  // namespace hypertape::inline HYPERTAPE_ABI
