#pragma once

#include <algorithm>
#include <vector>

#include "hypertape/core/tensor.hpp"
#include "hypertape/kernels/routed_conv2d.hpp"
#include "support/check_kernel.hpp"

namespace hypertape::testing {

/// A routed convolution of N samples: its forward pass by the kernel, and the expected results by the obvious loops.
/// Integers make every sum exact in any order, and give many windows ties.
template <class T>
struct RoutedLayer {
  kernels::RoutedConv2dGeometry g;
  Tensor<T> x, weight, bias, y;
  std::vector<std::int32_t> count;
  std::vector<kernels::Route> entry;

  RoutedLayer(const kernels::Conv2dGeometry& conv, Index size, Index stride, Index padding, std::uint64_t seed = 1)
      : g{conv, {conv.N, conv.O, conv.OH(), conv.OW(), size, stride, padding}},
        x(whole_numbers<T>(g.input(), seed)),
        weight(whole_numbers<T>(conv.weight(), seed + 1)),
        bias(whole_numbers<T>(Shape{conv.O}, seed + 2)),
        y(g.output(), std::numeric_limits<T>::quiet_NaN()),
        count(static_cast<std::size_t>(conv.N * conv.O)),
        entry(static_cast<std::size_t>(conv.N * g.outputs())) {
    run({0, conv.N});
  }

  kernels::Routes routes() { return {count.data(), entry.data()}; }
  void run(Range samples) {
    auto scratch = scratch_of<T>(kernels::routed_conv2d_scratch<T>(g));
    kernels::routed_conv2d(g, samples, x.data(), weight.data(), bias.data(), y.data(), routes(), scratch.data());
  }

  /// The offset of element (c, row, column) of the padded image of sample n; -1 in the padding.
  Index input_at(Index n, Index c, Index row, Index column) const {
    const Index h = row - g.conv.padding, w = column - g.conv.padding;
    if (h < 0 || h >= g.conv.H || w < 0 || w >= g.conv.W) return -1;
    return hypertape::detail::offset_of(g.input(), n, c, h, w);
  }
  /// Calls visit(input offset, weight offset) for the products of channel o with the patch that begins at `pixel`.
  template <class Visit>
  void for_each_product(Index n, Index o, Index pixel, const Visit& visit) const {
    const Index K = g.conv.K, row = pixel / g.padded_columns(), column = pixel % g.padded_columns();
    for (Index c = 0; c < g.conv.C; ++c) {
      for (Index ky = 0; ky < K; ++ky) {
        for (Index kx = 0; kx < K; ++kx) {
          const Index in = input_at(n, c, row + ky, column + kx);
          if (in >= 0) visit(in, ((o * g.conv.C + c) * K + ky) * K + kx);
        }
      }
    }
  }
  /// <w[o], patch of the images that begins at `pixel`>.
  T product(const Tensor<T>& images, const Tensor<T>& w, Index n, Index o, Index pixel) const {
    T sum = 0;
    for_each_product(n, o, pixel, [&](Index in, Index at) { sum += images[in] * w[at]; });
    return sum;
  }
  Index output_at(Index n, Index o, Index window) const {
    return hypertape::detail::offset_of(g.output(), n, o, window / g.pool.OW(), window % g.pool.OW());
  }

  /// Calls visit(sample, channel, window, value, pixel of the patch) for each output, computed by the obvious loops.
  template <class Visit>
  void for_each_output(const Visit& visit) const {
    for (Index n = 0; n < g.conv.N; ++n) {
      for (Index o = 0; o < g.conv.O; ++o) {
        for (Index window = 0; window < g.windows(); ++window) {
          const Index y0 = window / g.pool.OW() * g.pool.stride - g.pool.padding;
          const Index x0 = window % g.pool.OW() * g.pool.stride - g.pool.padding;
          T most = -std::numeric_limits<T>::infinity();
          Index best = 0;
          for (Index cy = std::max<Index>(0, y0); cy < std::min(g.pool.H, y0 + g.pool.K); ++cy) {
            for (Index cx = std::max<Index>(0, x0); cx < std::min(g.pool.W, x0 + g.pool.K); ++cx) {
              const Index pixel = (cy * g.padded_columns() + cx) * g.conv.stride;
              const T value = bias[o] + product(x, weight, n, o, pixel);
              if (!(value > most)) continue;
              most = value;
              best = pixel;
            }
          }
          visit(n, o, window, std::max(most, T(0)), best);
        }
      }
    }
  }
  /// Calls visit(sample, channel, output offset, pixel of the patch) for each route.
  template <class Visit>
  void for_each_route(const Visit& visit) const {
    for (Index n = 0; n < g.conv.N; ++n) {
      for (Index o = 0; o < g.conv.O; ++o) {
        const std::size_t first = static_cast<std::size_t>((n * g.conv.O + o) * g.windows());
        const auto routes_of_channel = static_cast<std::size_t>(count[static_cast<std::size_t>(n * g.conv.O + o)]);
        for (std::size_t i = first; i < first + routes_of_channel; ++i) {
          visit(n, o, output_at(n, o, entry[i].window), Index{entry[i].patch});
        }
      }
    }
  }
};

/// Layers that cover rows of a patch of less than one register, one, and several; kernels of one tile and of two;
/// output channels of half a vector, one, four, and in between; all ways of pooling, and of computing the forward pass.
template <class T, class Visit>
void for_each_routed_layer(const Visit& visit) {
  visit(RoutedLayer<T>({.N = 2, .C = 1, .H = 12, .W = 11, .O = 6, .K = 5, .padding = 2}, 2, 2, 0));
  visit(RoutedLayer<T>({.N = 1, .C = 3, .H = 8, .W = 40, .O = 2, .K = 3, .padding = 1}, 2, 2, 0));
  visit(RoutedLayer<T>({.N = 2, .C = 6, .H = 9, .W = 8, .O = 16, .K = 5}, 2, 2, 0));
  visit(RoutedLayer<T>({.N = 2, .C = 3, .H = 7, .W = 7, .O = 64, .K = 5, .padding = 2}, 3, 2, 1));
  visit(RoutedLayer<T>({.N = 1, .C = 4, .H = 9, .W = 9, .O = 5, .K = 3, .stride = 2, .padding = 1}, 2, 1, 0));
  visit(RoutedLayer<T>({.N = 1, .C = 19, .H = 9, .W = 8, .O = 17, .K = 7}, 1, 1, 0));
}

}  // namespace hypertape::testing
