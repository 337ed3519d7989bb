#pragma once

#include <algorithm>

#include "hypertape/kernels/conv2d_correlate.hpp"
#include "hypertape/kernels/conv2d_geometry.hpp"
#include "hypertape/kernels/conv2d_weight_gradient.hpp"
#include "hypertape/kernels/output_mode.hpp"

/// The convolution of a batch and its two gradients. Each pass is linear in its operands and either overwrites its
/// output or adds to it (`OutputMode::accumulate`). Batches have samples innermost, weights are row-major
/// (docs/memory-layout.md). Each pass computes a range of the leading channel axis of its result, so that threads can
/// share the work of one call. `scratch` must hold the number of values that the matching `..._scratch` function
/// returns.
namespace hypertape::inline HYPERTAPE_ABI::kernels {

namespace conv2d_detail {

/// The correlation that computes a convolution.
inline Correlation forward(const Conv2dGeometry& g) {
  return {g.N, g.C, g.H, g.W, g.O, g.OH(), g.OW(), g.K, g.K, g.stride, -g.padding, -g.padding};
}

/// The positions 0 .. size - 1 of an input axis that equal `residue` modulo the stride once the padding is added. The
/// taps that reach them equal `residue` modulo the stride, too.
struct ResidueClass {
  Index first;  ///< the first position; the next ones follow at steps of the stride
  Index count;  ///< number of positions
  Index taps;   ///< taps of the kernel that reach them
  Index start;  ///< output position to which the last of these taps leads, for the first input position
};

/// The residue class of position `first` on an axis of `size` positions.
inline ResidueClass residue_class(const Conv2dGeometry& g, Index size, Index first) {
  const Index s = g.stride, residue = (first + g.padding) % s;
  const Index taps = residue < g.K ? (g.K - residue - 1) / s + 1 : 0;
  return {first, (size - first - 1) / s + 1, taps, (first + g.padding - residue) / s - (taps - 1)};
}

/// Calls body(rows, columns, correlation, residues...) for each class of input positions, at most stride * stride. The
/// input gradient of a class is a correlation, of stride 1, of the output's adjoint with the class's taps flipped.
template <class Body>
void for_each_class(const Conv2dGeometry& g, const Body& body) {
  for (Index first_row = 0; first_row < (std::min)(g.stride, g.H); ++first_row) {
    for (Index first_column = 0; first_column < (std::min)(g.stride, g.W); ++first_column) {
      const Index y = (first_row + g.padding) % g.stride, x = (first_column + g.padding) % g.stride;
      const ResidueClass rows = residue_class(g, g.H, first_row), columns = residue_class(g, g.W, first_column);
      body(rows, columns,
           Correlation{g.N, g.O, g.OH(), g.OW(), g.C, rows.count, columns.count, rows.taps, columns.taps, 1, rows.start,
                       columns.start},
           y, x);
    }
  }
}

/// The larger of the counts for float and double.
template <class Count>
Index for_either_type(const Count& count) {
  return (std::max)(count.template operator()<float>(), count.template operator()<double>());
}

}  // namespace conv2d_detail

/// Values of scratch for `conv2d`.
inline Index conv2d_scratch(const Conv2dGeometry& g) {
  return conv2d_detail::for_either_type(
      [&]<class T>() { return conv2d_detail::correlate_scratch<T>(conv2d_detail::forward(g)); });
}

/// output (N, O, OH, OW) = correlation of input (N, C, H, W) with weight (O, C, K, K), plus bias (O) unless it is null
/// or the output is accumulated.
template <class T>
void conv2d(const Conv2dGeometry& g, Range outputs, const T* input, const T* weight, const T* bias, OutputMode mode,
            T* output, T* scratch) {
  const auto weight_at = [&](Index o, Index c, Index ky, Index kx) {
    return weight[((o * g.C + c) * g.K + ky) * g.K + kx];
  };
  conv2d_detail::correlate(conv2d_detail::forward(g), outputs, input, weight_at, bias, mode, output, scratch);
}

/// Values of scratch for `conv2d_input_gradient`.
inline Index conv2d_input_gradient_scratch(const Conv2dGeometry& g) {
  Index most = 0, image = 0;
  conv2d_detail::for_each_class(g, [&](auto, auto, const conv2d_detail::Correlation& part, Index, Index) {
    if (part.taps() == 0) return;
    if (g.stride > 1) image = (std::max)(image, conv2d_detail::whole_lines<float>(g.C * part.plane()));
    most = (std::max)(
        most, conv2d_detail::for_either_type([&]<class T>() { return conv2d_detail::correlate_scratch<T>(part); }));
  });
  return most + image;
}

/// dinput (N, C, H, W) = the adjoint of `conv2d` with respect to its input, applied to doutput (N, O, OH, OW).
template <class T>
void conv2d_input_gradient(const Conv2dGeometry& g, Range inputs, const T* doutput, const T* weight, OutputMode mode,
                           T* dinput, T* scratch) {
  conv2d_detail::for_each_class(g, [&](const auto& rows, const auto& columns, const auto& part, Index ry, Index rx) {
    const auto flipped = [&](Index c, Index o, Index ky, Index kx) {
      return weight[((o * g.C + c) * g.K + ry + (rows.taps - 1 - ky) * g.stride) * g.K + rx +
                    (columns.taps - 1 - kx) * g.stride];
    };
    const T* no_bias = nullptr;
    if (g.stride == 1) return conv2d_detail::correlate(part, inputs, doutput, flipped, no_bias, mode, dinput, scratch);
    // The class gets its own image, which is then spread over the input; positions that no tap reaches get zeros.
    const bool reached = part.taps() > 0;
    if (reached) {
      T* own_scratch = scratch + conv2d_detail::whole_lines<T>(g.C * part.plane());
      conv2d_detail::correlate(part, inputs, doutput, flipped, no_bias, OutputMode::write, scratch, own_scratch);
    }
    for (Index c = inputs.begin; c < inputs.end; ++c) {
      for (Index y = 0; y < rows.count; ++y) {
        for (Index x = 0; x < columns.count; ++x) {
          T* to = dinput + ((c * g.H + rows.first + y * g.stride) * g.W + columns.first + x * g.stride) * g.N;
          if (mode == OutputMode::write) std::fill_n(to, g.N, T(0));
          if (!reached) continue;
          const T* from = scratch + ((c * rows.count + y) * columns.count + x) * g.N;
          for (Index n = 0; n < g.N; ++n) to[n] += from[n];
        }
      }
    }
  });
}

/// Values of scratch for `conv2d_weight_gradient`.
inline Index conv2d_weight_gradient_scratch(const Conv2dGeometry& g) {
  return conv2d_detail::for_either_type(
      [&]<class T>() { return conv2d_detail::correlate_weight_scratch<T>(conv2d_detail::forward(g)); });
}

/// dweight (O, C, K, K) = the adjoint of `conv2d` with respect to its weight, applied to doutput (N, O, OH, OW).
template <class T>
void conv2d_weight_gradient(const Conv2dGeometry& g, Range outputs, const T* doutput, const T* input, OutputMode mode,
                            T* dweight, T* scratch) {
  conv2d_detail::correlate_weight(conv2d_detail::forward(g), outputs, doutput, input, mode, dweight, scratch);
}

}  // namespace hypertape::inline HYPERTAPE_ABI::kernels
