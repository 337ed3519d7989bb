#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <utility>

#include "hypertape/kernels/arg_max.hpp"
#include "hypertape/kernels/routed_conv2d_geometry.hpp"
#include "hypertape/kernels/simd.hpp"
#include "hypertape/kernels/transpose.hpp"

/// The forward pass of a routed convolution for few channels, where SIMD lanes over output channels would stay empty.
/// Instead lanes run over columns: one register for the even and one for the odd columns of the windows, in two rows.
/// It requires adjacent windows of 2 x 2 and a stride of 1.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion"  // g++ warns about array bounds that are int template parameters

namespace hypertape::inline HYPERTAPE_ABI::kernels::routed_detail {

/// Whether the forward pass runs over columns.
template <class T>
bool over_columns(const RoutedConv2dGeometry& g) {
  const bool tiles = g.pool.K == 2 && g.pool.stride == 2 && g.pool.padding == 0;
  return tiles && g.conv.stride == 1 && g.conv.C <= 4 && 2 * g.conv.O <= native_lanes<T>;
}

/// Values of an image (C, rows, columns) with its padding and the room that vectors may reach into.
template <class T>
Index planes_values(const RoutedConv2dGeometry& g) {
  return g.padded_image() + 3 * native_lanes<T> + g.conv.K;
}

/// Values of scratch for `forward_over_columns`.
template <class T>
Index over_columns_scratch(const RoutedConv2dGeometry& g) {
  return planes_values<T>(g) + g.patch_row() * g.conv.K * g.conv.O;
}

/// Computes pooled row `py`, from rows 2 py and 2 py + 1, of channels o .. o + Outputs - 1. It stores the outputs and
/// appends routes to those the channels already have. `weights` are (C, ky, kx, O).
template <int Outputs, class T>
[[gnu::noinline]] void pooled_row(const RoutedConv2dGeometry g, Index py, Index o, const T* planes, const T* weights,
                                  const T* bias, T* output, std::int32_t* count, Route* entry) {
  constexpr int width = native_lanes<T>;
  using V = Simd<T, width>;
  using Offset = ArgMaxOffset<T>;
  using P = Simd<Offset, width>;
  using Entry = Simd<std::uint32_t, width>;
  const Index K = g.conv.K, O = g.conv.O, columns = g.padded_columns(), PW = g.pool.OW(), windows = g.windows();
  const Index plane = g.padded_image() / g.conv.C;
  for (Index px = 0; px < PW; px += width) {
    typename V::Vector sum[Outputs][2][2];
    for (int i = 0; i < Outputs; ++i) {
      for (auto& row : sum[i]) row[0] = row[1] = V::broadcast(bias[o + i]);
    }
    const T* w = weights + o;
    for (Index c = 0; c < g.conv.C; ++c) {
      for (Index ky = 0; ky < K; ++ky) {
        const T* row = planes + c * plane + (2 * py + ky) * columns + 2 * px;
        for (Index kx = 0; kx < K; ++kx, ++row, w += O) {
          const typename V::Vector x[2][2] = {{V::load(row), V::load(row + width)},
                                              {V::load(row + columns), V::load(row + columns + width)}};
          for (int i = 0; i < Outputs; ++i) {
            const auto weight = V::broadcast(w[i]);
            for (int y = 0; y < 2; ++y) {
              for (int half = 0; half < 2; ++half) V::add_product(sum[i][y][half], weight, x[y][half]);
            }
          }
        }
      }
    }
    const Index first = 2 * (py * columns + px), valid = (std::min)(Index{width}, PW - px);
    for (int i = 0; i < Outputs; ++i) {
      const auto peak = [&](int y) {
        const auto at = static_cast<Offset>(first + y * columns);
        ArgMax<T, width> best{V::even(sum[i][y][0], sum[i][y][1]), P::broadcast(at)};
        best.take({V::odd(sum[i][y][0], sum[i][y][1]), P::broadcast(at + 1)});
        return best;
      };
      ArgMax<T, width> best = peak(0);
      best.take(peak(1));
      T value[width];
      Route route[width];
      V::store(value, best.value < 0 ? typename V::Vector{} : best.value);
      const auto patch = __builtin_convertvector(best.at + 2 * P::iota(), typename Entry::Vector);
      const auto words = route_words(patch, Entry::broadcast(static_cast<std::uint32_t>(py * PW + px)) + Entry::iota());
      std::memcpy(route, &words, sizeof words);
      Route* const to = entry + (o + i) * windows;
      std::int32_t found = count[o + i];
      for (Index lane = 0; lane < valid; ++lane) {  // no branch, since either outcome is likely
        to[found] = route[lane];
        output[(py * PW + px + lane) * O + o + i] = value[lane];
        found += !(value[lane] <= 0);
      }
      count[o + i] = found;
    }
  }
}

/// Does what `routed_conv2d` does.
template <class T>
void forward_over_columns(const RoutedConv2dGeometry& g, Range samples, const T* input, const T* weight, const T* bias,
                          T* output, const Routes& routes, T* scratch) {
  constexpr int at_once = HYPERTAPE_VECTOR_BYTES == 64 ? 6 : 3;  // channels, of 4 registers each
  const Index C = g.conv.C, O = g.conv.O, taps = g.patch_row() * g.conv.K, columns = g.padded_columns();
  const Index plane = g.padded_image() / C;
  T* const planes = scratch;
  T* const weights = scratch + planes_values<T>(g);
  std::fill_n(planes, planes_values<T>(g), T(0));
  for (Index o = 0; o < O; ++o) {
    for (Index tap = 0; tap < taps; ++tap) weights[tap * O + o] = *weight++;
  }
  for (Index n = samples.begin; n < samples.end; ++n) {
    const T* from = input + n * g.inputs();
    for (Index y = 0; y < g.conv.H; ++y, from += g.conv.W * C) {
      T* const row = planes + (y + g.conv.padding) * columns + g.conv.padding;
      transpose_matrix(g.conv.W, C, from, C, row, plane);
    }
    std::int32_t* const count = routes.count + n * O;
    std::fill_n(count, O, 0);
    for (Index py = 0; py < g.pool.OH(); ++py) {
      for_each_group<at_once>(O, [&]<int Outputs>(Index o) {
        pooled_row<Outputs>(g, py, o, planes, weights, bias, output + n * g.outputs(), count,
                            routes.entry + n * O * g.windows());
      });
    }
  }
}

}  // namespace hypertape::inline HYPERTAPE_ABI::kernels::routed_detail

#pragma GCC diagnostic pop
