#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#include "hypertape/kernels/arg_max.hpp"
#include "hypertape/kernels/output_mode.hpp"
#include "hypertape/kernels/simd.hpp"

/// A convolution 5x5, max-pooling 2x2 and relu of one sample in one pass, and its derivatives.
///
/// The point: of four outputs of the convolution, pooling passes on one, and relu not even that if it is negative. So a
/// derivative through pool and relu needs the convolution at a quarter of its positions at most, and what it costs is a
/// quarter of a convolution's derivative:
///
///     y[o][w] = max(0, max over the four positions p of window w of  b[o] + <W[o], patch(x, p)>)
///
/// The forward pass notes for each channel the windows whose value is positive, and where their patches start
/// (`Routes`). Each derivative is then a loop over these, with a patch as the vector:
///
///     weight gradient    dW[o]     = sum over w of  dy[o][w] patch(x, p_w)          accumulators: the kernel's size
///     input gradient     patch(dx, p_w) += dy[o][w] W[o]
///     tangent            y'[o][w]  = b'[o] + <W'[o], patch(x, p_w)> + <W[o], patch(x', p_w)>
///
/// Images are stored row, column, channel (channel innermost), so that a row of a patch, 5 C values, is contiguous.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion"  // of g++ for the bound of an array that is a template's int

namespace hypertape::kernels {

/// How outputs of a sample lie in memory, the slowest first.
enum class OutputOrder { row_column_channel, channel_row_column };

/// The layer for images of Size x Size pixels of so many channels, with so many output channels.
template <class T, int Channels, int Size, int Outputs, OutputOrder Order>
struct PooledConv2d {
  static constexpr int K = 5;                      ///< rows and columns of the kernel
  static constexpr int C = Channels;               ///< input channels
  static constexpr int H = Size;                   ///< rows, and columns, of the image
  static constexpr int O = Outputs;                ///< output channels
  static constexpr int pooled = (H - K + 1) / 2;   ///< rows, and columns, after pooling
  static constexpr int windows = pooled * pooled;  ///< of a channel
  static constexpr int outputs = O * windows;      ///< of a sample
  static constexpr int patch_row = K * C;          ///< values of a row of a patch

  static_assert((H - K + 1) % 2 == 0, "windows must tile the convolution's output");
  static_assert(H * H * C <= 65535, "patches are kept as 16-bit offsets");

  /// Lanes that a row of a patch fills best, and vectors that it takes; lanes past the row meet weights of zero.
  static constexpr int lanes = std::min<int>(native_lanes<T>, std::bit_ceil(static_cast<unsigned>(patch_row)));
  static constexpr int row_vectors = (patch_row + lanes - 1) / lanes;  ///< vectors of a row of a patch
  static constexpr int packed_row = row_vectors * lanes;               ///< values of these
  static constexpr int packed_kernel = K * packed_row;  ///< values of a packed kernel, of one output channel
  static constexpr int packed = O * packed_kernel;      ///< values of all packed kernels

  /// Values of an image, and the zeros behind it that vectors may reach into.
  static constexpr int image = H * H * C + (std::max)(packed_row, native_lanes<T>);

  using V = Simd<T, lanes>;           ///< what loops over patches take
  using Vector = typename V::Vector;  ///< a register of it

  /// Where the positive outputs come from: for channel o, entries o * windows + k, k < count[o].
  struct Routes {
    std::int32_t count[O];              ///< of each output channel
    std::uint16_t patch[O * windows];   ///< offset of the patch in the image
    std::uint16_t target[O * windows];  ///< offset of the value among the outputs
  };

  /// The place of a channel's window among the outputs.
  static constexpr int target(int o, int window) {
    return Order == OutputOrder::row_column_channel ? window * O + o : o * windows + window;
  }

  /// One pair of a bilinear sum: a weight packed by `pack`, and an image or the gradient of the outputs.
  struct Pair {
    const T* left;   ///< the first factor
    const T* right;  ///< the second factor
  };

  /// weight (O, C, 5, 5) as the loops here read it: (O, ky, kx, C) with rows filled up by zeros.
  static void pack(const T* weight, T* out) {
    std::fill_n(out, packed, T(0));
    for (int o = 0; o < O; ++o) {
      for (int c = 0; c < C; ++c) {
        for (int ky = 0; ky < K; ++ky) {
          for (int kx = 0; kx < K; ++kx) out[(o * K + ky) * packed_row + kx * C + c] = *weight++;
        }
      }
    }
  }
  /// The inverse, for a gradient: out (O, C, 5, 5) = start + packed_weight.
  static void unpack(const T* packed_weight, OutputMode mode, T* out) {
    for (int o = 0; o < O; ++o) {
      for (int c = 0; c < C; ++c) {
        for (int ky = 0; ky < K; ++ky) {
          for (int kx = 0; kx < K; ++kx, ++out) {
            *out =
                packed_weight[(o * K + ky) * packed_row + kx * C + c] + (mode == OutputMode::accumulate ? *out : T(0));
          }
        }
      }
    }
  }

  /// weight (O, C, 5, 5) as `forward_over_columns` reads it: (C, ky, kx, O).
  static void pack_for_columns(const T* weight, T* out) {
    for (int o = 0; o < O; ++o) {
      for (int i = 0; i < C * K * K; ++i) out[i * O + o] = *weight++;
    }
  }
  /// weight (O, C, 5, 5) as `forward_over_channels` reads it: (ky, kx, C, O).
  static void pack_for_channels(const T* weight, T* out) {
    for (int o = 0; o < O; ++o) {
      for (int c = 0; c < C; ++c) {
        for (int i = 0; i < K * K; ++i) out[(i * C + c) * O + o] = *weight++;
      }
    }
  }
  static constexpr int taps = C * K * K * O;  ///< values of the weight

  /// dweight (packed) += sum over m and routes of gradient_m[target] patch(image_m); Pair: {gradient, image}.
  template <int Products>
  static void add_weight_gradient(const Routes& routes, const Pair (&products)[Products], T* dweight) {
    // A kernel of one channel has too few rows to hide the latency of a multiply-add: two entries at a time then.
    constexpr int ways = K * row_vectors < 8 ? 2 : 1;
    for (int o = 0; o < O; ++o) {
      T* to = dweight + o * packed_kernel;
      Vector sum[ways][K * row_vectors] = {};
      for (int i = 0; i < K * row_vectors; ++i) sum[0][i] = V::load(to + i * lanes);
      const auto add = [&](Vector(&own)[K * row_vectors], int entry) HYPERTAPE_ALWAYS_INLINE_LAMBDA {
        for (const Pair& product : products) {
          const auto gradient = V::broadcast(product.left[routes.target[entry]]);
          const T* patch = product.right + routes.patch[entry];
          for (int ky = 0; ky < K; ++ky) {
            for (int v = 0; v < row_vectors; ++v) {
              V::add_product(own[ky * row_vectors + v], gradient, V::load(patch + ky * H * C + v * lanes));
            }
          }
        }
      };
      int entry = o * windows;
      const int end = entry + routes.count[o];
      for (; entry + ways <= end; entry += ways) {
        for (int way = 0; way < ways; ++way) add(sum[way], entry + way);
      }
      for (; entry < end; ++entry) add(sum[0], entry);
      for (int i = 0; i < K * row_vectors; ++i) {
        if constexpr (ways == 2) sum[0][i] += sum[1][i];
        V::store(to + i * lanes, sum[0][i]);
      }
    }
  }

  /// Neighboring windows write overlapping patches; with several copies of the image in turn, no patch is read back
  /// while the one before is still on its way to the cache.
  static constexpr int image_copies = 4;

  /// dimage = sum over m and routes of gradient_m[target] weight_m; Pair: {gradient, packed weight}. `copies`: scratch
  /// for image_copies images. dimage: H * H * C values.
  template <int Products>
  static void input_gradient(const Routes& routes, const Pair (&products)[Products], T* dimage, T* copies) {
    std::fill_n(copies, image_copies * image, T(0));
    for (int o = 0; o < O; ++o) {
      Vector weight[Products][K * row_vectors];
      for (int m = 0; m < Products; ++m) {
        for (int i = 0; i < K * row_vectors; ++i) {
          weight[m][i] = V::load(products[m].right + o * packed_kernel + i * lanes);
        }
      }
      const int begin = o * windows, end = begin + routes.count[o];
      for (int entry = begin; entry < end; ++entry) {
        Vector gradient[Products];
        for (int m = 0; m < Products; ++m) gradient[m] = V::broadcast(products[m].left[routes.target[entry]]);
        T* patch = copies + (entry % image_copies) * image + routes.patch[entry];
        for (int ky = 0; ky < K; ++ky) {
          for (int v = 0; v < row_vectors; ++v) {
            T* to = patch + ky * H * C + v * lanes;
            Vector sum = V::load(to);
            for (int m = 0; m < Products; ++m) V::add_product(sum, gradient[m], weight[m][ky * row_vectors + v]);
            V::store(to, sum);
          }
        }
      }
    }
    static_assert(image_copies == 4, "these are added up here");
    for (int i = 0; i < H * H * C; ++i) {
      dimage[i] = (copies[i] + copies[image + i]) + (copies[2 * image + i] + copies[3 * image + i]);
    }
  }

  /// tangent[target] = dbias[o] + sum over m of <weight_m[o], patch(image_m)> on every route, 0 elsewhere; Pair:
  /// {packed weight, image}.
  template <int Products>
  static void tangent(const Routes& routes, const Pair (&products)[Products], const T* dbias, T* out) {
    std::fill_n(out, outputs, T(0));
    for (int o = 0; o < O; ++o) {
      Vector weight[Products][K * row_vectors];
      for (int m = 0; m < Products; ++m) {
        for (int i = 0; i < K * row_vectors; ++i) {
          weight[m][i] = V::load(products[m].left + o * packed_kernel + i * lanes);
        }
      }
      const int begin = o * windows, end = begin + routes.count[o];
      for (int entry = begin; entry < end; ++entry) {
        Vector sum[Products] = {};
        for (int m = 0; m < Products; ++m) {
          const T* patch = products[m].right + routes.patch[entry];
          for (int ky = 0; ky < K; ++ky) {
            for (int v = 0; v < row_vectors; ++v) {
              V::add_product(sum[m], weight[m][ky * row_vectors + v], V::load(patch + ky * H * C + v * lanes));
            }
          }
        }
        if constexpr (Products == 2) sum[0] += sum[1];
        out[routes.target[entry]] = dbias[o] + V::sum(sum[0]);
      }
    }
  }

  /// dbias[o] += the sum of the gradient over the channel's routes.
  static void add_bias_gradient(const Routes& routes, const T* gradient, T* dbias) {
    for (int o = 0; o < O; ++o) {
      T sum = 0;
      for (int entry = o * windows; entry < o * windows + routes.count[o]; ++entry) {
        sum += gradient[routes.target[entry]];
      }
      dbias[o] += sum;
    }
  }

  /// Registers for accumulators in the forward passes.
  static constexpr int accumulators = HYPERTAPE_VECTOR_BYTES == 64 ? 24 : 12;

  /// The forward pass for few input channels: lanes run over columns. `planes` is the image (C, H, H), followed by
  /// native_lanes<T> values that do not matter; `weights` come from `pack_for_columns`.
  static void forward_over_columns(const T* planes, const T* weights, const T* bias, T* out, Routes& routes) {
    constexpr int width = native_lanes<T>;
    constexpr int channels_at_once = (std::min)(O, accumulators / 4);
    static_assert(O % channels_at_once == 0);
    using S = Simd<T, width>;
    constexpr int columns = (pooled + width - 1) / width * width;
    T value[O][columns];
    Offset position[O][columns];
    std::fill_n(routes.count, O, 0);
    for (int py = 0; py < pooled; ++py) {
      for (int o0 = 0; o0 < O; o0 += channels_at_once) {
        for (int px0 = 0; px0 < pooled; px0 += width) {
          typename S::Vector sum[channels_at_once][2][2];
          for (int o = 0; o < channels_at_once; ++o) {
            for (auto& row : sum[o]) row[0] = row[1] = S::broadcast(bias[o0 + o]);
          }
          for (int c = 0; c < C; ++c) {
            for (int ky = 0; ky < K; ++ky) {
              const T* rows = planes + (c * H + 2 * py + ky) * H + 2 * px0;
              const T* w = weights + (c * K + ky) * K * O + o0;
              for (int kx = 0; kx < K; ++kx) {
                const typename S::Vector x[2][2] = {{S::load(rows + kx), S::load(rows + kx + width)},
                                                    {S::load(rows + H + kx), S::load(rows + H + kx + width)}};
                for (int o = 0; o < channels_at_once; ++o) {
                  const auto weight = S::broadcast(w[kx * O + o]);
                  for (int row = 0; row < 2; ++row) {
                    for (int half = 0; half < 2; ++half) S::add_product(sum[o][row][half], weight, x[row][half]);
                  }
                }
              }
            }
          }
          for (int o = 0; o < channels_at_once; ++o) {
            pool<width>(S::even(sum[o][0][0], sum[o][0][1]), S::odd(sum[o][0][0], sum[o][0][1]),
                        S::even(sum[o][1][0], sum[o][1][1]), S::odd(sum[o][1][0], sum[o][1][1]), value[o0 + o] + px0,
                        position[o0 + o] + px0);
          }
        }
      }
      for (int o = 0; o < O; ++o) append_row(routes, o, py, value[o], position[o], 1, out);
    }
  }

  /// The forward pass for many output channels: lanes run over these. `weights` come from
  /// `pack_for_channels`.
  static void forward_over_channels(const T* image_values, const T* weights, const T* bias, T* out, Routes& routes) {
    constexpr int width = std::min<int>(native_lanes<T>, std::bit_floor(static_cast<unsigned>(O)));
    static_assert(O % width == 0);
    constexpr int vectors = (std::min)(2, O / width);
    constexpr int most_windows = (std::min)(pooled, accumulators / (4 * vectors));
    using S = Simd<T, width>;
    T value[O * windows];
    Offset position[O * windows];
    for (int py = 0; py < pooled; ++py) {
      for (int o0 = 0; o0 < O; o0 += vectors * width) {
        for_each_group<most_windows>(pooled, [&]<int Windows>(Index px0) {
          typename S::Vector sum[2][2 * Windows][vectors];
          for (auto& row : sum) {
            for (auto& column : row) {
              for (int v = 0; v < vectors; ++v) column[v] = S::load(bias + o0 + v * width);
            }
          }
          for (int ky = 0; ky < K; ++ky) {
            const T* rows = image_values + ((2 * py + ky) * H + 2 * px0) * C;
            const T* w = weights + ky * patch_row * O + o0;
            for (int j = 0; j < patch_row; ++j) {
              typename S::Vector weight[vectors];
              for (int v = 0; v < vectors; ++v) weight[v] = S::load(w + j * O + v * width);
              for (int row = 0; row < 2; ++row) {
                for (int x = 0; x < 2 * Windows; ++x) {
                  const auto at = S::broadcast(rows[(row * H + x) * C + j]);
                  for (int v = 0; v < vectors; ++v) S::add_product(sum[row][x][v], at, weight[v]);
                }
              }
            }
          }
          for (int px = 0; px < Windows; ++px) {
            for (int v = 0; v < vectors; ++v) {
              const Index at = (py * pooled + px0 + px) * O + o0 + v * width;
              pool<width>(sum[0][2 * px][v], sum[0][2 * px + 1][v], sum[1][2 * px][v], sum[1][2 * px + 1][v],
                          value + at, position + at);
            }
          }
        });
      }
    }
    std::fill_n(routes.count, O, 0);
    for (int o = 0; o < O; ++o) {
      for (int py = 0; py < pooled; ++py) {
        const int at = py * pooled * O + o;
        append_row(routes, o, py, value + at, position + at, O, out);
      }
    }
  }

 private:
  using Offset = ArgMaxOffset<T>;

  /// Pools a b / c d, one vector for each position of a window: writes relu of the largest, and where in its window it
  /// is, as an offset in the image.
  template <int Width>
  static HYPERTAPE_ALWAYS_INLINE void pool(typename Simd<T, Width>::Vector a, typename Simd<T, Width>::Vector b,
                                           typename Simd<T, Width>::Vector c, typename Simd<T, Width>::Vector d,
                                           T* values, Offset* positions) {
    using S = Simd<T, Width>;
    using P = Simd<Offset, Width>;
    ArgMax<T, Width> top{a, P::broadcast(0)}, bottom{c, P::broadcast(H * C)};
    top.take({b, P::broadcast(C)});
    bottom.take({d, P::broadcast(H * C + C)});
    top.take(bottom);
    S::store(values, top.value < 0 ? typename S::Vector{} : top.value);
    P::store(positions, top.at);
  }

  /// Writes a row of outputs, and a route for each that is positive: without a branch, as either may happen.
  static void append_row(Routes& routes, int o, int py, const T* value, const Offset* position, int stride, T* out) {
    std::int32_t count = routes.count[o];
    for (int px = 0; px < pooled; ++px) {
      const int to = target(o, py * pooled + px), entry = o * windows + count;
      routes.patch[entry] = static_cast<std::uint16_t>(2 * (py * H + px) * C + static_cast<int>(position[px * stride]));
      routes.target[entry] = static_cast<std::uint16_t>(to);
      out[to] = value[px * stride];
      count += !(value[px * stride] <= 0);  // of relu's output: a NaN has a route
    }
    routes.count[o] = count;
  }
};

}  // namespace hypertape::kernels

#pragma GCC diagnostic pop
