#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <utility>

#include "hypertape/kernels/arg_max.hpp"
#include "hypertape/kernels/routed_conv2d_columns.hpp"
#include "hypertape/kernels/routed_conv2d_geometry.hpp"
#include "hypertape/kernels/simd.hpp"
#include "hypertape/kernels/transpose.hpp"

/// The forward pass of a routed convolution, which determines the routes (routed_conv2d_geometry.hpp).
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion"  // g++ warns about array bounds that are int template parameters

namespace hypertape::inline HYPERTAPE_ABI::kernels {

namespace routed_detail {

/// Convolves one image, with SIMD lanes over output channels: values[position][channel]. `weights` are (taps,
/// channels), with channels padded to whole vectors. `tap` holds, for each of the K K C taps, the offset it reads at
/// from the first tap.
template <int Lanes, int Vectors, class T>
[[gnu::noinline]] void convolve(const RoutedConv2dGeometry g, Index channels, const T* image, const T* weights,
                                const std::int32_t* tap, const T* bias, T* values) {
  constexpr int accumulators = HYPERTAPE_VECTOR_BYTES == 64 ? 24 : 12;
  constexpr int most = (std::min)(16, accumulators / Vectors);
  using V = Simd<T, Lanes>;
  const Index OH = g.conv.OH(), OW = g.conv.OW(), taps = g.patch_row() * g.conv.K, step = g.conv.stride * g.conv.C;
  for (Index o = 0; o < channels; o += Vectors * Lanes) {
    for (Index y = 0; y < OH; ++y) {
      for_each_group<most>(OW, [=]<int Positions>(Index x) HYPERTAPE_ALWAYS_INLINE_LAMBDA {
        constexpr int groups = (Positions + 2) / 3;  // one pointer serves three positions
        const T* at[groups];
        for (int group = 0; group < groups; ++group) {
          at[group] = image + y * g.conv.stride * g.row_stride() + (x + 3 * group) * step;
        }
        typename V::Vector sum[Positions][Vectors];
        for (auto& position : sum) {
          for (int v = 0; v < Vectors; ++v) position[v] = V::load(bias + o + v * Lanes);
        }
        const T* w = weights + o;
        for (Index t = 0; t < taps; ++t, w += channels) {
          const Index offset[3] = {tap[t], tap[t] + step, tap[t] + 2 * step};
          typename V::Vector weight[Vectors];
          for (int v = 0; v < Vectors; ++v) weight[v] = V::load(w + v * Lanes);
          for (int p = 0; p < Positions; ++p) {
            const auto value = V::broadcast(at[p / 3][offset[p % 3]]);
            for (int v = 0; v < Vectors; ++v) V::add_product(sum[p][v], value, weight[v]);
          }
        }
        for (int p = 0; p < Positions; ++p) {
          for (int v = 0; v < Vectors; ++v) V::store(values + (y * OW + x + p) * channels + o + v * Lanes, sum[p][v]);
        }
      });
    }
  }
}

/// The maximum of a window of `rows` x `columns` positions of values[position][channel], for Lanes channels.
template <int Lanes, class T>
HYPERTAPE_ALWAYS_INLINE ArgMax<T, Lanes> peak_of(const T* values, Index row_stride, Index channels, Index rows,
                                                 Index columns, Index first, Index patch_row, Index patch_step) {
  using V = Simd<T, Lanes>;
  using Offset = ArgMaxOffset<T>;
  using P = Simd<Offset, Lanes>;
  ArgMax<T, Lanes> peak{V::load(values), P::broadcast(static_cast<Offset>(first))};
  for (Index y = 0; y < rows; ++y) {
    for (Index x = 0; x < columns; ++x) {
      if (x + y == 0) continue;
      peak.take({V::load(values + y * row_stride + x * channels),
                 P::broadcast(static_cast<Offset>(first + y * patch_row + x * patch_step))});
    }
  }
  return peak;
}

/// Pools values[position][channel] of `channels` channels and applies relu. For each window it stores the output (O)
/// and route[window][channel], which is valid only if the output is positive. Vectors reach past the O outputs of a
/// window, where the next window overwrites them, and past the last window by at most `channels` - O values.
template <int Lanes, class T>
[[gnu::noinline]] void pool(const RoutedConv2dGeometry& g, Index channels, const T* values, T* out, Route* route) {
  using V = Simd<T, Lanes>;
  using Entry = Simd<std::uint32_t, Lanes>;
  const Index OW = g.conv.OW(), O = g.conv.O, row_stride = OW * channels;
  const Index patch_step = g.conv.stride, patch_row = g.padded_columns() * g.conv.stride;
  const Pool2dGeometry one_channel{1, 1, g.pool.H, g.pool.W, g.pool.K, g.pool.stride, g.pool.padding};
  hypertape::kernels::detail::for_each_window(one_channel, [=](Index window, Index, Index y_begin, Index y_end,
                                                               Index x_begin, Index x_end) {
    const Index rows = y_end - y_begin, columns = x_end - x_begin, first = y_begin * patch_row + x_begin * patch_step;
    const T* const at = values + y_begin * row_stride + x_begin * channels;
    const auto take = [=](Index height, Index width) HYPERTAPE_ALWAYS_INLINE_LAMBDA {
      for (Index o = 0; o < channels; o += Lanes) {
        const auto peak = peak_of<Lanes>(at + o, row_stride, channels, height, width, first, patch_row, patch_step);
        V::store(out + window * O + o, peak.value < 0 ? typename V::Vector{} : peak.value);
        const auto patch = __builtin_convertvector(peak.at, typename Entry::Vector);
        const auto words = route_words(patch, Entry::broadcast(static_cast<std::uint32_t>(window)));
        std::memcpy(route + window * channels + o, &words, sizeof words);
      }
    };
    if (rows == 2 && columns == 2) return take(2, 2);
    if (rows == 3 && columns == 3) return take(3, 3);
    take(rows, columns);
  });
}

/// Collects the routes of a channel whose outputs are positive or NaN, and returns their number. It does not branch,
/// since either outcome is likely.
template <class T>
std::int32_t collect(Index windows, const T* outputs, Index output_step, const Route* route, Index route_step,
                     Route* to) {
  std::int32_t count = 0;
  for (Index window = 0; window < windows; ++window) {
    to[count] = route[window * route_step];
    count += !(outputs[window * output_step] <= 0);
  }
  return count;
}

/// The number of output channels padded to whole vectors as `convolve` uses them: half a register if they fit.
template <class T>
Index padded_channels(Index O) {
  const Index lanes = native_lanes<T> >= 8 && 2 * O <= native_lanes<T> ? native_lanes<T> / 2 : native_lanes<T>;
  return (O + lanes - 1) / lanes * lanes;
}

/// The forward pass of a padded image, without writing the final routes, using vectors that suit the channels.
template <class T>
void convolve_and_pool(const RoutedConv2dGeometry& g, Index channels, const T* image, const T* weights, const T* bias,
                       const std::int32_t* tap, T* values, T* out, Route* route) {
  constexpr int native = native_lanes<T>;
  const auto run = [&]<int Lanes, int Vectors>() {
    convolve<Lanes, Vectors>(g, channels, image, weights, tap, bias, values);
    pool<Lanes>(g, channels, values, out, route);
  };
  if (channels % (4 * native) == 0) return run.template operator()<native, 4>();
  if constexpr (native >= 8) {
    if (channels < native) return run.template operator()<native / 2, 1>();
  }
  run.template operator()<native, 1>();
}

}  // namespace routed_detail

/// Values of scratch for `routed_conv2d`.
template <class T>
Index routed_conv2d_scratch(const RoutedConv2dGeometry& g) {
  if (routed_detail::over_columns<T>(g)) return routed_detail::over_columns_scratch<T>(g);
  const Index channels = routed_detail::padded_channels<T>(g.conv.O), taps = g.patch_row() * g.conv.K;
  const Index positions = g.conv.OH() * g.conv.OW();
  return routed_detail::image_values<T>(g) + taps + (taps + 2 + positions + g.windows()) * channels + g.outputs();
}

/// output (N, O, PH, PW) = relu of the pooled convolution of input (N, C, H, W) with weight (O, C, K, K), plus bias
/// (O), for samples `samples`; also writes their routes. Of equal values the first in row-major order counts. A NaN
/// wins over every number and has a route.
template <class T>
void routed_conv2d(const RoutedConv2dGeometry& g, Range samples, const T* input, const T* weight, const T* bias,
                   T* output, const Routes& routes, T* scratch) {
  if (routed_detail::over_columns<T>(g))
    return routed_detail::forward_over_columns(g, samples, input, weight, bias, output, routes, scratch);
  const Index C = g.conv.C, K = g.conv.K, O = g.conv.O, windows = g.windows(), taps = K * K * C;
  const Index channels = routed_detail::padded_channels<T>(O);
  static_assert(sizeof(T) >= sizeof(Route) && sizeof(T) >= sizeof(std::int32_t));
  const auto take = [&](Index count) { return std::exchange(scratch, scratch + count); };
  T* const image = take(routed_detail::image_values<T>(g));
  T* const weights = take(taps * channels);
  T* const biases = take(channels);
  T* const values = take(g.conv.OH() * g.conv.OW() * channels);
  T* const outputs = take(g.outputs() + channels);
  auto* const route = reinterpret_cast<Route*>(take(windows * channels));
  auto* const tap = reinterpret_cast<std::int32_t*>(take(taps));

  routed_detail::clear(g, image);
  std::fill_n(weights, taps * channels, T(0));
  std::fill_n(std::copy_n(bias, O, biases), channels - O, T(0));
  for (Index c = 0; c < C; ++c) {
    transpose_matrix(O, K * K, weight + c * K * K, taps, weights + c * channels, C * channels);
  }
  for (Index t = 0; t < taps; ++t) {
    tap[t] = static_cast<std::int32_t>(t / g.patch_row() * g.row_stride() + t % g.patch_row());
  }
  for (Index n = samples.begin; n < samples.end; ++n) {
    routed_detail::copy_in(g, input + n * g.inputs(), image);
    T* const place = output + n * g.outputs();
    T* const own = channels == O ? place : outputs;  // otherwise vectors would reach past the sample
    routed_detail::convolve_and_pool(g, channels, image, weights, biases, tap, values, own, route);
    if (own != place) std::copy_n(own, g.outputs(), place);
    for (Index o = 0; o < O; ++o) {
      routes.count[n * O + o] =
          routed_detail::collect(windows, place + o, O, route + o, channels, routes.entry + (n * O + o) * windows);
    }
  }
}

}  // namespace hypertape::inline HYPERTAPE_ABI::kernels

#pragma GCC diagnostic pop
