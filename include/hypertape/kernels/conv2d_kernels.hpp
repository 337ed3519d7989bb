#pragma once

#include <algorithm>

#include "hypertape/kernels/conv2d_geometry.hpp"
#include "hypertape/kernels/conv2d_rows.hpp"
#include "hypertape/kernels/conv2d_strided.hpp"
#include "hypertape/kernels/output_mode.hpp"

/// Convolution of a batch and its two gradients. Each pass is linear in what it reads, and writes its whole output:
/// fresh, or added to what is there (`OutputMode::accumulate`). Batches have samples innermost, weights are row-major
/// (docs/memory-layout.md). Each computes a range of the channels that its result has first, so that threads can share
/// one call's work. `scratch` must hold the matching `..._scratch` number of values.
namespace hypertape::inline HYPERTAPE_ABI::kernels {

namespace detail {

/// Calls body<K>() with the kernel size where a loop is unrolled for it, else with 0.
template <class Body>
void with_kernel_size(Index kernel, const Body& body) {
  if (kernel == 5) return body.template operator()<5>();
  if (kernel == 3) return body.template operator()<3>();
  body.template operator()<0>();
}

/// The row kernels need stride 1, and an input gradient whose own padding K - 1 - padding is not negative.
inline bool by_rows(const Conv2dGeometry& g) { return g.stride == 1 && g.padding < g.K; }

}  // namespace detail

/// Values of scratch for `conv2d`.
inline Index conv2d_scratch(const Conv2dGeometry& g) {
  return detail::by_rows(g) ? rows::padded_size(g.N, g.C, g.H, g.W, g.padding) + 4 * g.C * g.K * g.K : 0;
}

/// output (N, O, OH, OW) = correlation of input (N, C, H, W) with weight (O, C, K, K), plus bias (O) unless that is
/// null or the output is accumulated.
template <class T>
void conv2d(const Conv2dGeometry& g, Range outputs, const T* input, const T* weight, const T* bias, OutputMode mode,
            T* output, T* scratch) {
  if (detail::by_rows(g)) {
    const auto image = rows::pad(input, g.N, g.C, g.H, g.W, g.padding, scratch);
    T* packed = scratch + rows::padded_size(g.N, g.C, g.H, g.W, g.padding);
    const auto weight_at = [&](Index o, Index c, Index ky, Index kx) {
      return weight[((o * g.C + c) * g.K + ky) * g.K + kx];
    };
    return detail::with_kernel_size(g.K, [&]<int K>() {
      rows::correlate<K>(image, {g.N, g.K, g.padding, g.OH(), g.OW()}, outputs, weight_at, bias, mode, output, packed);
    });
  }
  const Index plane = g.N * g.OH() * g.OW();
  for (Index o = outputs.begin; o < outputs.end && mode == OutputMode::write; ++o) {
    std::fill_n(output + o * plane, plane, bias == nullptr ? T(0) : bias[o]);
  }
  strided::for_each_tap(g, outputs, {0, g.C}, [&](Index out, Index in, Index w) {
    for (Index n = 0; n < g.N; ++n) output[out + n] += weight[w] * input[in + n];
  });
}

/// Values of scratch for `conv2d_input_gradient`.
inline Index conv2d_input_gradient_scratch(const Conv2dGeometry& g) {
  return detail::by_rows(g) ? rows::padded_size(g.N, g.O, g.OH(), g.OW(), g.K - 1 - g.padding) + 4 * g.O * g.K * g.K
                            : 0;
}

/// dinput (N, C, H, W) = the adjoint of `conv2d` in its input, applied to doutput (N, O, OH, OW): for stride 1, a
/// correlation of doutput with the flipped kernels, padded by K - 1 - padding.
template <class T>
void conv2d_input_gradient(const Conv2dGeometry& g, Range inputs, const T* doutput, const T* weight, OutputMode mode,
                           T* dinput, T* scratch) {
  if (detail::by_rows(g)) {
    const Index padding = g.K - 1 - g.padding;
    const auto image = rows::pad(doutput, g.N, g.O, g.OH(), g.OW(), padding, scratch);
    T* packed = scratch + rows::padded_size(g.N, g.O, g.OH(), g.OW(), padding);
    const auto flipped = [&](Index c, Index o, Index ky, Index kx) {
      return weight[((o * g.C + c) * g.K + g.K - 1 - ky) * g.K + g.K - 1 - kx];
    };
    return detail::with_kernel_size(g.K, [&]<int K>() {
      rows::correlate<K>(image, {g.N, g.K, padding, g.H, g.W}, inputs, flipped, static_cast<const T*>(nullptr), mode,
                         dinput, packed);
    });
  }
  const Index plane = g.N * g.H * g.W;
  if (mode == OutputMode::write) std::fill_n(dinput + inputs.begin * plane, inputs.size() * plane, T(0));
  strided::for_each_tap(g, {0, g.O}, inputs, [&](Index out, Index in, Index w) {
    for (Index n = 0; n < g.N; ++n) dinput[in + n] += weight[w] * doutput[out + n];
  });
}

/// Values of scratch for `conv2d_weight_gradient`.
inline Index conv2d_weight_gradient_scratch(const Conv2dGeometry& g) {
  return detail::by_rows(g) ? rows::padded_size(g.N, g.C, g.H, g.W, g.padding) : 0;
}

/// dweight (O, C, K, K) = the adjoint of `conv2d` in its weight, applied to doutput (N, O, OH, OW).
template <class T>
void conv2d_weight_gradient(const Conv2dGeometry& g, Range outputs, const T* doutput, const T* input, OutputMode mode,
                            T* dweight, T* scratch) {
  if (detail::by_rows(g)) {
    const auto image = rows::pad(input, g.N, g.C, g.H, g.W, g.padding, scratch);
    return detail::with_kernel_size(g.K, [&]<int K>() {
      rows::correlate_weight<K>(image, {g.N, g.K, g.padding, g.OH(), g.OW()}, outputs, doutput, mode, dweight);
    });
  }
  const Index each = g.C * g.K * g.K;
  if (mode == OutputMode::write) std::fill_n(dweight + outputs.begin * each, outputs.size() * each, T(0));
  strided::for_each_tap(g, outputs, {0, g.C}, [&](Index out, Index in, Index w) {
    T sum = 0;
    for (Index n = 0; n < g.N; ++n) sum += doutput[out + n] * input[in + n];
    dweight[w] += sum;
  });
}

}  // namespace hypertape::inline HYPERTAPE_ABI::kernels
