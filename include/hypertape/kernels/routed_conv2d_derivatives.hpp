#pragma once

#include <algorithm>
#include <array>
#include <utility>

#include "hypertape/kernels/output_mode.hpp"
#include "hypertape/kernels/routed_conv2d_geometry.hpp"
#include "hypertape/kernels/simd.hpp"

/// The derivatives of a routed convolution: loops over routes, with a patch as the vector (routed_conv2d_geometry.hpp).
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion"  // g++ warns about array bounds that are int template parameters

namespace hypertape::inline HYPERTAPE_ABI::kernels {

namespace routed_detail {

/// The rows of a patch as vectors of `lanes` values. Lanes past the end of the row belong to the next pixels; they are
/// multiplied by zero weights or dropped.
struct PatchRows {
  Index lanes;    ///< values in a vector
  Index vectors;  ///< vectors in a row

  /// Values that a packed row takes.
  Index values() const { return lanes * vectors; }
};

/// Whether rows are so short that they fill half a register better.
template <class T>
bool narrow_rows(Index patch_row) {
  return native_lanes<T> >= 8 && 2 * patch_row <= native_lanes<T>;
}
template <class T>
PatchRows patch_rows(const RoutedConv2dGeometry& g) {
  const Index lanes = narrow_rows<T>(g.patch_row()) ? native_lanes<T> / 2 : native_lanes<T>;
  return {lanes, (g.patch_row() + lanes - 1) / lanes};
}

/// Cuts a patch into tiles whose values fit in registers, and calls body<Lanes, Rows, Vectors>(row, vector) with the
/// first row and vector of each.
template <class T, class Body>
void for_each_tile(const RoutedConv2dGeometry& g, const Body& body) {
  const auto tiles = [&]<int Lanes>() {
    for_each_group<5>(g.conv.K, [&]<int Rows>(Index row) {
      for_each_group<2>((g.patch_row() + Lanes - 1) / Lanes, [&]<int Vectors>(Index vector) {
        body.template operator()<Lanes, Rows, Vectors>(row, vector);
      });
    });
  };
  if constexpr (native_lanes<T> >= 8) {
    if (narrow_rows<T>(g.patch_row())) return tiles.template operator()<native_lanes<T> / 2>();
  }
  tiles.template operator()<native_lanes<T>>();
}

/// The inverse of `copy_in` for several partial images that are `each` values apart: sample = start + their sum,
/// without the padding.
template <class T>
void copy_out(const RoutedConv2dGeometry& g, const T* images, Index copies, Index each, OutputMode mode, T* sample) {
  const Index row = g.conv.W * g.conv.C;
  images += (g.conv.padding * g.padded_columns() + g.conv.padding) * g.conv.C;
  for (Index y = 0; y < g.conv.H; ++y, images += g.row_stride(), sample += row) {
    if (mode == OutputMode::write) std::fill_n(sample, row, T(0));
    for (Index copy = 0; copy < copies; copy += 2) {
      const T *const a = images + copy * each, *const b = a + each;
      for (Index i = 0; i < row; ++i) sample[i] += a[i] + b[i];
    }
  }
}

/// Values of all kernels, packed.
template <class T>
Index packed_values(const RoutedConv2dGeometry& g) {
  return g.conv.O * g.conv.K * patch_rows<T>(g).values();
}

/// Packs weight (O, C, K, K) as loops over patches read it: (O, ky, kx, C) with rows padded with zeros.
template <class T>
void pack(const RoutedConv2dGeometry& g, const T* weight, T* packed) {
  const Index C = g.conv.C, K = g.conv.K, row = patch_rows<T>(g).values();
  std::fill_n(packed, packed_values<T>(g), T(0));
  for (Index o = 0; o < g.conv.O; ++o) {
    for (Index c = 0; c < C; ++c) {
      for (Index ky = 0; ky < K; ++ky) {
        for (Index kx = 0; kx < K; ++kx) packed[(o * K + ky) * row + kx * C + c] = *weight++;
      }
    }
  }
}
/// The inverse of `pack`, for the gradient of channels `outputs`: out (O, C, K, K) = start + packed.
template <class T>
void unpack(const RoutedConv2dGeometry& g, Range outputs, const T* packed, OutputMode mode, T* out) {
  const Index C = g.conv.C, K = g.conv.K, row = patch_rows<T>(g).values();
  out += outputs.begin * C * K * K;
  for (Index o = outputs.begin; o < outputs.end; ++o) {
    for (Index c = 0; c < C; ++c) {
      for (Index ky = 0; ky < K; ++ky) {
        for (Index kx = 0; kx < K; ++kx, ++out) {
          *out = packed[(o * K + ky) * row + kx * C + c] + (mode == OutputMode::accumulate ? *out : T(0));
        }
      }
    }
  }
}

/// What a tile's loop over the routes of one sample reads. It is passed by value: vector stores may alias anything
/// reached through a reference, which would have to be reloaded for each route. Functions of a tile are never inlined,
/// so that each has all registers to itself.
struct Walk {
  Index C, O, windows, stride;    ///< channels; windows of a channel; values from an image row to the next
  Index row, vector, packed_row;  ///< the tile's first row and vector; values of a packed row
  Index packed_kernel;            ///< values of a packed kernel
  Range outputs;                  ///< channels to walk over
  const std::int32_t* count;      ///< this sample's (O)
  const Route* entry;             ///< this sample's (O, windows)

  Walk(const RoutedConv2dGeometry& g, const Routes& routes, Index n, Range channels, Index tile_row, Index tile_vector,
       Index values_of_row)
      : C(g.conv.C),
        O(g.conv.O),
        windows(g.windows()),
        stride(g.row_stride()),
        row(tile_row),
        vector(tile_vector),
        packed_row(values_of_row),
        packed_kernel(g.conv.K * packed_row),
        outputs(channels),
        count(routes.count + n * O),
        entry(routes.entry + n * O * windows) {}

  /// The tile's offset in an image.
  Index in_image(int lanes) const { return row * stride + vector * lanes; }
  /// The tile's offset in the packed kernel of channel o.
  Index in_kernel(Index o, int lanes) const { return o * packed_kernel + row * packed_row + vector * lanes; }
};

/// Loads a tile of a packed kernel.
template <int Lanes, int Rows, int Vectors, class T>
HYPERTAPE_ALWAYS_INLINE void load_tile(const T* from, Index row,
                                       typename Simd<T, Lanes>::Vector (&tile)[Rows][Vectors]) {
  for (int r = 0; r < Rows; ++r) {
    for (int v = 0; v < Vectors; ++v) tile[r][v] = Simd<T, Lanes>::load(from + r * row + v * Lanes);
  }
}

/// The operands of a sum of products: packed kernels, or doutput, and images from `copy_in`.
template <class T>
struct Factors {
  const T* left;
  const T* right;
};

/// output[window][o] = start + sum over pairs of <weight[o], patch of the image> on each route; pairs are {packed,
/// image}. The start is the previous value, or if `fresh` the bias (O), which is 0 if null.
template <int Lanes, int Rows, int Vectors, int Pairs, class T>
[[gnu::noinline]] void product(const Walk walk, const std::array<Factors<T>, Pairs> pairs, const T* bias, bool fresh,
                               T* output) {
  using V = Simd<T, Lanes>;
  for (Index o = walk.outputs.begin; o < walk.outputs.end; ++o) {
    typename V::Vector weight[Pairs][Rows][Vectors];
    const T* image[Pairs];
    for (std::size_t m = 0; m < Pairs; ++m) {
      load_tile<Lanes>(pairs[m].left + walk.in_kernel(o, Lanes), walk.packed_row, weight[m]);
      image[m] = pairs[m].right + walk.in_image(Lanes);
    }
    const Route* const routes = walk.entry + o * walk.windows;
    const T start = bias == nullptr ? T(0) : bias[o];
    for (Index i = 0; i < walk.count[o]; ++i) {
      typename V::Vector sum[Pairs] = {};
      for (int m = 0; m < Pairs; ++m) {
        const T* patch = opaque(image[m] + routes[i].patch * walk.C);
        for (int r = 0; r < Rows; ++r, patch += walk.stride) {
          for (int v = 0; v < Vectors; ++v) V::add_product(sum[m], weight[m][r][v], V::load(patch + v * Lanes));
        }
      }
      if constexpr (Pairs == 2) sum[0] += sum[1];
      T& to = output[routes[i].window * walk.O + o];
      to = V::sum(sum[0]) + (fresh ? start : to);
    }
  }
}

/// On route i, patch of images[i % copies] += sum over pairs of doutput[window][o] weight[o]. Pairs are {doutput,
/// packed}; images are `each` values apart.
template <int Lanes, int Rows, int Vectors, int Pairs, class T>
[[gnu::noinline]] void add_to_patches(const Walk walk, const std::array<Factors<T>, Pairs> pairs, T* images, Index each,
                                      Index copies) {
  using V = Simd<T, Lanes>;
  images += walk.in_image(Lanes);
  for (Index o = walk.outputs.begin; o < walk.outputs.end; ++o) {
    typename V::Vector weight[Pairs][Rows][Vectors];
    for (std::size_t m = 0; m < Pairs; ++m) {
      load_tile<Lanes>(pairs[m].right + walk.in_kernel(o, Lanes), walk.packed_row, weight[m]);
    }
    const Route* const routes = walk.entry + o * walk.windows;
    for (Index i = 0; i < walk.count[o]; ++i) {
      typename V::Vector d[Pairs];
      for (std::size_t m = 0; m < Pairs; ++m) d[m] = V::broadcast(pairs[m].left[routes[i].window * walk.O + o]);
      T* patch = opaque(images + (i & (copies - 1)) * each + routes[i].patch * walk.C);
      for (int r = 0; r < Rows; ++r, patch += walk.stride) {
        for (int v = 0; v < Vectors; ++v) {
          auto sum = V::load(patch + v * Lanes);
          for (int m = 0; m < Pairs; ++m) V::add_product(sum, d[m], weight[m][r][v]);
          V::store(patch + v * Lanes, sum);
        }
      }
    }
  }
}

/// dweight[o] += sum over pairs and routes of doutput[window][o] times the route's patch; pairs are {doutput, image}.
template <int Lanes, int Rows, int Vectors, int Pairs, class T>
[[gnu::noinline]] void sum_patches(const Walk walk, const std::array<Factors<T>, Pairs> pairs, T* packed) {
  // A small tile has too few sums to hide the latency of a multiply-add, so it takes two routes at a time.
  constexpr int ways = Rows * Vectors < 8 ? 2 : 1;
  using V = Simd<T, Lanes>;
  const T* image[Pairs];
  for (std::size_t m = 0; m < Pairs; ++m) image[m] = pairs[m].right + walk.in_image(Lanes);
  for (Index o = walk.outputs.begin; o < walk.outputs.end; ++o) {
    T* const to = packed + walk.in_kernel(o, Lanes);
    typename V::Vector sum[ways][Rows][Vectors] = {};
    load_tile<Lanes>(to, walk.packed_row, sum[0]);
    const Route* const routes = walk.entry + o * walk.windows;
    const auto add = [&](typename V::Vector(&own)[Rows][Vectors], Index i) HYPERTAPE_ALWAYS_INLINE_LAMBDA {
      for (std::size_t m = 0; m < Pairs; ++m) {
        const auto d = V::broadcast(pairs[m].left[routes[i].window * walk.O + o]);
        const T* patch = opaque(image[m] + routes[i].patch * walk.C);
        for (int r = 0; r < Rows; ++r, patch += walk.stride) {
          for (int v = 0; v < Vectors; ++v) V::add_product(own[r][v], d, V::load(patch + v * Lanes));
        }
      }
    };
    Index i = 0;
    const Index count = walk.count[o];
    for (; i + ways <= count; i += ways) {
      for (int way = 0; way < ways; ++way) add(sum[way], i + way);
    }
    for (; i < count; ++i) add(sum[0], i);
    for (int r = 0; r < Rows; ++r) {
      for (int v = 0; v < Vectors; ++v) {
        if constexpr (ways == 2) sum[0][r][v] += sum[1][r][v];
        V::store(to + r * walk.packed_row + v * Lanes, sum[0][r][v]);
      }
    }
  }
}

/// The number of partial images. Neighboring windows write overlapping patches; with several images used in turn, no
/// patch is reloaded while the previous one is still on its way to the cache. Large images have only two.
inline Index image_copies(const RoutedConv2dGeometry& g) { return g.padded_image() <= 8192 ? 4 : 2; }

}  // namespace routed_detail

/// dbias (O) = the sum of doutput (N, O, PH, PW) over the routes of each channel.
template <class T>
void routed_bias_gradient(const RoutedConv2dGeometry& g, const Routes& routes, const T* doutput, T* dbias) {
  const Index O = g.conv.O;
  std::fill_n(dbias, O, T(0));
  for (Index n = 0; n < g.conv.N; ++n) {
    for (Index o = 0; o < O; ++o) {
      const Route* const entry = routes.entry + (n * O + o) * g.windows();
      const T* const from = doutput + n * g.outputs() + o;
      const Index count = routes.count[n * O + o];
      T sum[4] = {};
      Index i = 0;
      for (; i + 4 <= count; i += 4) {
        for (int way = 0; way < 4; ++way) sum[way] += from[entry[i + way].window * O];
      }
      for (; i < count; ++i) sum[0] += from[entry[i].window * O];
      dbias[o] += (sum[0] + sum[1]) + (sum[2] + sum[3]);
    }
  }
}

/// output (N, O, PH, PW) = bias (O) on each route, 0 elsewhere: the adjoint of `routed_bias_gradient`.
template <class T>
void routed_bias(const RoutedConv2dGeometry& g, const Routes& routes, const T* bias, T* output) {
  const Index O = g.conv.O;
  std::fill_n(output, g.conv.N * g.outputs(), T(0));
  for (Index n = 0; n < g.conv.N; ++n) {
    for (Index o = 0; o < O; ++o) {
      const Route* const entry = routes.entry + (n * O + o) * g.windows();
      T* const to = output + n * g.outputs() + o;
      for (Index i = 0; i < routes.count[n * O + o]; ++i) to[entry[i].window * O] = bias[o];
    }
  }
}

/// The operands of the derivatives below, which sum over one or two pairs: a tangent is <w', x> + <w, x'>.
template <class T>
struct RoutedPair {
  const T* first;   ///< the operand named first
  const T* second;  ///< the other operand
};

/// Values of scratch for `routed_conv2d_product` with this many pairs.
template <class T>
Index routed_conv2d_product_scratch(const RoutedConv2dGeometry& g, Index pairs) {
  return pairs * (routed_detail::image_values<T>(g) + routed_detail::packed_values<T>(g));
}

/// output (N, O, PH, PW) = start + sum over pairs (input, weight) of <weight[o], patch of the input> on each route, for
/// samples `samples`. Elsewhere it is the start: the previous output, or if that is overwritten 0. On routes the bias
/// (O) replaces the 0, unless it is null.
template <class T, std::size_t Pairs>
void routed_conv2d_product(const RoutedConv2dGeometry& g, Range samples, const Routes& routes,
                           const RoutedPair<T> (&operands)[Pairs], const T* bias, OutputMode mode, T* output,
                           T* scratch) {
  const auto take = [&](Index count) { return std::exchange(scratch, scratch + count); };
  T* image[Pairs];
  std::array<routed_detail::Factors<T>, Pairs> pairs;
  for (std::size_t m = 0; m < Pairs; ++m) {
    image[m] = take(routed_detail::image_values<T>(g));
    T* const packed = take(routed_detail::packed_values<T>(g));
    routed_detail::clear(g, image[m]);
    routed_detail::pack(g, operands[m].second, packed);
    pairs[m] = {packed, image[m]};
  }
  if (mode == OutputMode::write) {
    std::fill_n(output + samples.begin * g.outputs(), samples.size() * g.outputs(), T(0));
  }
  for (Index n = samples.begin; n < samples.end; ++n) {
    for (std::size_t m = 0; m < Pairs; ++m) routed_detail::copy_in(g, operands[m].first + n * g.inputs(), image[m]);
    routed_detail::for_each_tile<T>(g, [&]<int Lanes, int Rows, int Vectors>(Index row, Index vector) {
      const routed_detail::Walk walk(g, routes, n, {0, g.conv.O}, row, vector,
                                     routed_detail::patch_rows<T>(g).values());
      const bool fresh = mode == OutputMode::write && row + vector == 0;
      routed_detail::product<Lanes, Rows, Vectors, int{Pairs}>(walk, pairs, bias, fresh, output + n * g.outputs());
    });
  }
}

/// Values of scratch for `routed_conv2d_input_gradient` with this many pairs.
template <class T>
Index routed_conv2d_input_gradient_scratch(const RoutedConv2dGeometry& g, Index pairs) {
  return routed_detail::image_copies(g) * routed_detail::image_values<T>(g) +
         pairs * routed_detail::packed_values<T>(g);
}

/// dinput (N, C, H, W) = start + sum over pairs (weight, doutput) and routes of doutput times weight[o], added on the
/// route's patch, for samples `samples`.
template <class T, std::size_t Pairs>
void routed_conv2d_input_gradient(const RoutedConv2dGeometry& g, Range samples, const Routes& routes,
                                  const RoutedPair<T> (&operands)[Pairs], OutputMode mode, T* dinput, T* scratch) {
  const Index copies = routed_detail::image_copies(g), each = routed_detail::image_values<T>(g);
  const auto take = [&](Index count) { return std::exchange(scratch, scratch + count); };
  T* const images = take(copies * each);
  std::array<routed_detail::Factors<T>, Pairs> pairs;
  for (std::size_t m = 0; m < Pairs; ++m) {
    T* const packed = take(routed_detail::packed_values<T>(g));
    routed_detail::pack(g, operands[m].first, packed);
    pairs[m].right = packed;
  }
  for (Index n = samples.begin; n < samples.end; ++n) {
    std::fill_n(images, copies * each, T(0));
    for (std::size_t m = 0; m < Pairs; ++m) pairs[m].left = operands[m].second + n * g.outputs();
    routed_detail::for_each_tile<T>(g, [&]<int Lanes, int Rows, int Vectors>(Index row, Index vector) {
      const routed_detail::Walk walk(g, routes, n, {0, g.conv.O}, row, vector,
                                     routed_detail::patch_rows<T>(g).values());
      routed_detail::add_to_patches<Lanes, Rows, Vectors, int{Pairs}>(walk, pairs, images, each, copies);
    });
    routed_detail::copy_out(g, images, copies, each, mode, dinput + n * g.inputs());
  }
}

/// Values of scratch for `routed_conv2d_weight_gradient` with this many pairs.
template <class T>
Index routed_conv2d_weight_gradient_scratch(const RoutedConv2dGeometry& g, Index pairs) {
  return pairs * routed_detail::image_values<T>(g) + routed_detail::packed_values<T>(g);
}

/// dweight (O, C, K, K) = start + sum over pairs (input, doutput), samples and routes of doutput times the route's
/// patch, for channels `outputs`.
template <class T, std::size_t Pairs>
void routed_conv2d_weight_gradient(const RoutedConv2dGeometry& g, Range outputs, const Routes& routes,
                                   const RoutedPair<T> (&operands)[Pairs], OutputMode mode, T* dweight, T* scratch) {
  const auto take = [&](Index count) { return std::exchange(scratch, scratch + count); };
  T* image[Pairs];
  for (T*& each : image) {
    each = take(routed_detail::image_values<T>(g));
    routed_detail::clear(g, each);
  }
  T* const packed = take(routed_detail::packed_values<T>(g));
  std::fill_n(packed, routed_detail::packed_values<T>(g), T(0));
  std::array<routed_detail::Factors<T>, Pairs> pairs;
  for (Index n = 0; n < g.conv.N; ++n) {
    for (std::size_t m = 0; m < Pairs; ++m) {
      routed_detail::copy_in(g, operands[m].first + n * g.inputs(), image[m]);
      pairs[m] = {operands[m].second + n * g.outputs(), image[m]};
    }
    routed_detail::for_each_tile<T>(g, [&]<int Lanes, int Rows, int Vectors>(Index row, Index vector) {
      const routed_detail::Walk walk(g, routes, n, outputs, row, vector, routed_detail::patch_rows<T>(g).values());
      routed_detail::sum_patches<Lanes, Rows, Vectors, int{Pairs}>(walk, pairs, packed);
    });
  }
  routed_detail::unpack(g, outputs, packed, mode, dweight);
}

}  // namespace hypertape::inline HYPERTAPE_ABI::kernels

#pragma GCC diagnostic pop
