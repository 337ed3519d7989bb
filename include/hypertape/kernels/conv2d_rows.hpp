#pragma once

#include <algorithm>

#include "hypertape/kernels/conv2d_geometry.hpp"
#include "hypertape/kernels/output_mode.hpp"
#include "hypertape/kernels/simd.hpp"

/// The stride-1 convolution over rows. With samples innermost, the N * W values of one channel and image row are
/// contiguous, and moving the kernel by one column is an offset of N values:
///
///     out[o][y][0 .. N*OW)  =  start + sum over c, ky, kx of  w[o][c][ky][kx] * in[c][y + ky - p][N*kx .. N*kx + N*OW)
///
/// (start is what was there, a bias for each channel, or zero), where rows of `in` carry p columns of zeros at both
/// ends, and rows above and below the image are skipped. A block of Outputs channels times Vectors registers is
/// accumulated over all of c, ky and kx before it is stored; the last vector of a row overlaps its neighbor in place
/// of a scalar tail.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion"  // of g++ for the bound of an array that is a template's int

namespace hypertape::inline HYPERTAPE_ABI::kernels::rows {

/// Row-padded image: `values[(channel * height + y) * row]` starts row y; row = N * (W + 2 padding).
template <class T>
struct PaddedImage {
  const T* values;  ///< of the first row
  Index channels;   ///< of the image
  Index height;     ///< rows of a channel
  Index row;        ///< values of a row, padding and samples included
};

/// Values of scratch that `pad` needs.
inline Index padded_size(Index N, Index channels, Index H, Index W, Index padding) {
  return padding == 0 ? 0 : N * channels * H * (W + 2 * padding);
}

/// Adds `padding` zero columns at both ends of each row; without padding the image itself serves.
template <class T>
PaddedImage<T> pad(const T* image, Index N, Index channels, Index H, Index W, Index padding, T* scratch) {
  const Index row = N * (W + 2 * padding);
  if (padding == 0) return {image, channels, H, row};
  for (Index line = 0; line < channels * H; ++line) {
    T* to = scratch + line * row;
    std::fill_n(to, N * padding, T(0));
    std::copy_n(image + line * N * W, N * W, to + N * padding);
    std::fill_n(to + row - N * padding, N * padding, T(0));
  }
  return {scratch, channels, H, row};
}

/// Registers of accumulators for each output channel: Outputs x this, plus loads, must fit the register file.
inline constexpr int max_vectors = HYPERTAPE_VECTOR_BYTES == 64 ? 5 : 3;

/// Output channels of the next block: 4 and 3 wherever these can make up the rest, else 1.
inline Index block_of(Index channels_left) {
  if (channels_left == 3 || channels_left == 6 || channels_left == 9) return 3;
  return channels_left >= 4 ? 4 : 1;
}

/// A correlation of stride 1 of a padded image.
struct Correlation {
  Index N;        ///< samples
  Index kernel;   ///< rows, and columns, of the kernel
  Index padding;  ///< rows of zeros above the image, which are skipped
  Index OH;       ///< rows of the output
  Index OW;       ///< columns of the output

  /// Values of one row of the output.
  Index row() const { return N * OW; }
  /// Values of one channel of the output.
  Index plane() const { return OH * row(); }
};

/// One block: Outputs channels x Vectors registers at offsets `at` of a row, whose kernel row 0 reads image row
/// `first_row`; of the kernel, the rows `ky` are within the image. K = 0 reads the size at run time.
template <int K, int Lanes, int Outputs, int Vectors, class T>
HYPERTAPE_ALWAYS_INLINE void block(const PaddedImage<T>& in, const Correlation g, Index first_row, Range ky_range,
                                   const T* packed, const T* bias, OutputMode mode, const Index* at, T* out) {
  const Index N = g.N, channel_stride = g.plane();
  using V = Simd<T, Lanes>;
  const Index taps = K > 0 ? K : g.kernel;
  typename V::Vector sum[Outputs][Vectors];
  for (int o = 0; o < Outputs; ++o) {
    for (int v = 0; v < Vectors; ++v) {
      sum[o][v] = mode == OutputMode::accumulate ? V::load(out + o * channel_stride + at[v])
                  : bias != nullptr              ? V::broadcast(bias[o])
                                                 : typename V::Vector{};
    }
  }
  for (Index c = 0; c < in.channels; ++c) {
    for (Index ky = ky_range.begin; ky < ky_range.end; ++ky) {
      const T* row = in.values + (c * in.height + first_row + ky) * in.row;
      const T* w = packed + (c * taps + ky) * taps * Outputs;
      const auto tap = [&](Index kx) HYPERTAPE_ALWAYS_INLINE_LAMBDA {
        typename V::Vector x[Vectors];
        for (int v = 0; v < Vectors; ++v) x[v] = V::load(row + kx * N + at[v]);
        for (int o = 0; o < Outputs; ++o) {
          const auto weight = V::broadcast(w[kx * Outputs + o]);
          for (int v = 0; v < Vectors; ++v) V::add_product(sum[o][v], weight, x[v]);
        }
      };
      if constexpr (K > 0) {
#pragma GCC unroll 8
        for (int kx = 0; kx < K; ++kx) tap(kx);
      } else {
        for (Index kx = 0; kx < taps; ++kx) tap(kx);
      }
    }
  }
  for (int o = 0; o < Outputs; ++o) {
    for (int v = 0; v < Vectors; ++v) V::store(out + o * channel_stride + at[v], sum[o][v]);
  }
}

/// All rows of one block of Outputs channels. `packed` holds its weights in (c, ky, kx, o) order.
template <int K, int Lanes, int Outputs, class T>
void channel_block(const PaddedImage<T>& in, const Correlation g, const T* packed, const T* bias, OutputMode mode,
                   T* out) {
  constexpr int widest = Lanes == native_lanes<T> ? max_vectors : Lanes > 1 ? 3 : 1;
  for (Index y = 0; y < g.OH; ++y) {
    const Range ky = {std::max<Index>(0, g.padding - y), std::min<Index>(g.kernel, in.height + g.padding - y)};
    const Index first_row = y - g.padding;  // negative above the image
    for_each_vector_group<widest, Lanes>(g.row(), [&]<int Vectors>(const Index(&at)[Vectors]) {
      block<K, Lanes, Outputs, Vectors>(in, g, first_row, ky, packed, bias, mode, at, out + y * g.row());
    });
  }
}

/// Channels `outputs` of a padded image's correlation with weights. `weight_at(o, c, ky, kx)` gives the weight, so that
/// the input gradient is the same loop with the kernel flipped and the channels exchanged. `packed` is scratch for 4 *
/// C * K * K values.
template <int K, class T, class WeightAt>
void correlate(const PaddedImage<T>& in, const Correlation g, Range outputs, const WeightAt& weight_at, const T* bias,
               OutputMode mode, T* out, T* packed) {
  const Index taps = g.kernel;
  for (Index first = outputs.begin; first < outputs.end;) {
    const Index count = block_of(outputs.end - first);
    T* next = packed;
    for (Index c = 0; c < in.channels; ++c) {
      for (Index ky = 0; ky < taps; ++ky) {
        for (Index kx = 0; kx < taps; ++kx) {
          for (Index o = 0; o < count; ++o) *next++ = weight_at(first + o, c, ky, kx);
        }
      }
    }
    with_lanes_for<T>(g.row(), [&]<int Lanes>() {
      const auto run = [&]<int Outputs>() {
        // Short rows are rare: the unrolled kernel sizes are made for full vectors only.
        constexpr int unrolled = Lanes == native_lanes<T> ? K : 0;
        channel_block<unrolled, Lanes, Outputs>(in, g, packed, bias == nullptr ? nullptr : bias + first, mode,
                                                out + first * g.plane());
      };
      if (count == 4) run.template operator()<4>();
      if (count == 3) run.template operator()<3>();
      if (count == 1) run.template operator()<1>();
    });
    first += count;
  }
}

/// Row dot products of the weight gradient, for Outputs channels, one input channel and one kernel row:
///
///     dw[o][kx] = start + sum over y, j of  dout[o][y][j] * in[y + ky - p][N*kx + j]
///
/// with Outputs x K accumulators. The last vector of a row overlaps the one before; its shared lanes are masked.
template <int K, int Lanes, int Outputs, class T>
void weight_row(const PaddedImage<T>& in, const Correlation g, Index first_row, Index offset, Range rows, const T* dout,
                OutputMode mode, T* dweight) {
  const Index N = g.N, channel_stride = g.plane(), weight_stride = in.channels * g.kernel * g.kernel;
  using V = Simd<T, Lanes>;
  typename V::Vector sum[Outputs][K] = {};
  const Index length = g.row();
  const Index remainder = length % Lanes;
  for (Index y = rows.begin; y < rows.end; ++y) {
    const T* row = in.values + (first_row + y) * in.row + offset;
    const T* d = dout + y * length;
    const auto step = [&](Index j, bool masked) HYPERTAPE_ALWAYS_INLINE_LAMBDA {
      typename V::Vector gradient[Outputs];
      for (int o = 0; o < Outputs; ++o) {
        gradient[o] = V::load(d + o * channel_stride + j);
        if (masked) gradient[o] = V::last_lanes(gradient[o], remainder);
      }
      for (int kx = 0; kx < K; ++kx) {
        auto x = V::load(row + kx * N + j);
        if (masked) x = V::last_lanes(x, remainder);
        for (int o = 0; o < Outputs; ++o) V::add_product(sum[o][kx], gradient[o], x);
      }
    };
    Index j = 0;
    for (; j + Lanes <= length; j += Lanes) step(j, false);
    if (remainder > 0) step(length - Lanes, true);
  }
  for (int o = 0; o < Outputs; ++o) {
    for (int kx = 0; kx < K; ++kx) {
      T& to = dweight[o * weight_stride + kx];
      to = V::sum(sum[o][kx]) + (mode == OutputMode::accumulate ? to : T(0));
    }
  }
}

/// Output channels `outputs` of the weight gradient (O, C, K, K) of a stride-1 convolution. K = 0 reads the size at run
/// time, one column at a time.
template <int K, class T>
void correlate_weight(const PaddedImage<T>& in, const Correlation g, Range outputs, const T* dout, OutputMode mode,
                      T* dweight) {
  const Index taps = g.kernel;
  for (Index first = outputs.begin; first < outputs.end;) {
    // Twice the blocking of `correlate` does not fit 16 registers: there, two channels at a time.
    const Index widest =
        HYPERTAPE_VECTOR_BYTES == 64 ? block_of(outputs.end - first) : std::min<Index>(2, outputs.end - first);
    with_lanes_for<T>(g.row(), [&]<int Lanes>() {
      with_count<4>(widest, [&]<int Outputs>() {
        for (Index c = 0; c < in.channels; ++c) {
          for (Index ky = 0; ky < taps; ++ky) {
            const Range rows = {std::max<Index>(0, g.padding - ky), std::min<Index>(g.OH, in.height + g.padding - ky)};
            const Index first_row = c * in.height + ky - g.padding;
            T* to = dweight + ((first * in.channels + c) * taps + ky) * taps;
            for (Index kx = 0; kx<taps; kx += K> 0 ? K : 1) {
              weight_row<(K > 0 ? K : 1), Lanes, Outputs>(in, g, first_row, kx * g.N, rows, dout + first * g.plane(),
                                                          mode, to + kx);
            }
          }
        }
      });
    });
    first += widest;
  }
}

}  // namespace hypertape::inline HYPERTAPE_ABI::kernels::rows

#pragma GCC diagnostic pop
