#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#include "hypertape/kernels/conv2d_geometry.hpp"
#include "hypertape/kernels/pool2d_kernels.hpp"
#include "hypertape/kernels/simd.hpp"

/// A convolution, max-pooling and relu in one pass, and its derivatives.
///
/// Of the convolution's outputs, pooling passes on only one per window, and relu drops that one if it is negative. So
/// a derivative through pool and relu needs the convolution only at these positions. With adjacent windows of 2 x 2
/// they are at most a quarter of all positions, and a derivative costs at most a quarter of a convolution's:
///
///     y[o][u] = max(0, max over the positions p of window u of  b[o] + <W[o], patch(x, p)>)
///
/// For each sample and channel, the forward pass records the windows with a positive value and where their patches
/// start (`Routes`). With the routes fixed, y is linear in W and in x, and each derivative is a loop over routes with a
/// patch as the vector:
///
///     weight gradient    dW[o]              =  sum over u of  dy[o][u] patch(x, p_u)       the kernel in registers
///     input gradient     patch(dx, p_u)    +=  dy[o][u] W[o]
///     product            y'[o][u]           =  <W[o], patch(x, p_u)>
///
/// Images have their channels innermost (`Layout::channels_innermost`), so each sample is contiguous, and so are the K
/// C values of a row of a patch. Each sample is copied to scratch once, with its padding and a few zeros at the end
/// that vectors may reach into, and stays in the first-level cache.

namespace hypertape::inline HYPERTAPE_ABI::kernels {

/// The sizes of the convolution and of the pooling of its output.
struct RoutedConv2dGeometry {
  Conv2dGeometry conv;  ///< x (N, C, H, W) with W (O, C, K, K)
  Pool2dGeometry pool;  ///< the convolution's output (N, O, OH, OW)

  /// Windows per channel.
  Index windows() const { return pool.OH() * pool.OW(); }
  /// Values in a sample of the output.
  Index outputs() const { return conv.O * windows(); }
  /// Values in a sample of the input.
  Index inputs() const { return conv.C * conv.H * conv.W; }
  /// Columns of the padded image.
  Index padded_columns() const { return conv.W + 2 * conv.padding; }
  /// Values from one row of the padded image to the next.
  Index row_stride() const { return padded_columns() * conv.C; }
  /// Values in a row of a patch.
  Index patch_row() const { return conv.K * conv.C; }
  /// Values in the padded image.
  Index padded_image() const { return (conv.H + 2 * conv.padding) * row_stride(); }
  /// Whether 16 bits are enough to number the pixels of the padded image, and the windows.
  bool has_routes() const {
    constexpr Index most = 65536;
    const Index rows = conv.H + 2 * conv.padding, columns = padded_columns();  // their product may overflow
    return rows <= most && columns <= most && rows * columns <= most && windows() <= most;
  }
  /// (N, C, H, W)
  Shape input() const { return conv.input().with_layout(Layout::channels_innermost); }
  /// (N, O, PH, PW)
  Shape output() const { return pool.output().with_layout(Layout::channels_innermost); }
};

/// Where one positive output comes from.
struct Route {
  std::uint16_t patch;   ///< the pixel of the padded image where the patch starts
  std::uint16_t window;  ///< the number of the window
};

/// Where all positive outputs come from. The entries of channel o of sample n start at (n O + o) windows; the first
/// count[n O + o] are valid.
struct Routes {
  std::int32_t* count;  ///< (N, O)
  Route* entry;         ///< (N, O, windows)
};

namespace routed_detail {

/// The memory image of one route per lane, from patches and windows in 32-bit lanes.
template <class Vector>
HYPERTAPE_ALWAYS_INLINE Vector route_words(Vector patch, Vector window) {
  return std::endian::native == std::endian::little ? patch | window << 16 : patch << 16 | window;
}

/// Values of an image in scratch, with its padding and the room that vectors of a patch's row may reach into.
template <class T>
Index image_values(const RoutedConv2dGeometry& g) {
  return g.padded_image() + g.patch_row() + 2 * native_lanes<T>;
}

/// Clears an image in scratch; `copy_in` does not touch the zeros of the padding and at the end.
template <class T>
void clear(const RoutedConv2dGeometry& g, T* image) {
  std::fill_n(image, image_values<T>(g), T(0));
}
/// Copies one sample into a cleared image. Its rows are too short for calls of memcpy.
template <class T>
void copy_in(const RoutedConv2dGeometry& g, const T* sample, T* image) {
  if (g.conv.padding == 0) {
    std::copy_n(sample, g.inputs(), image);
    return;
  }
  const Index row = g.conv.W * g.conv.C, stride = g.row_stride(), rows = g.conv.H;
  image += (g.conv.padding * g.padded_columns() + g.conv.padding) * g.conv.C;
  with_lanes_for<T>(row, [=]<int Lanes>() {
    using V = Simd<T, Lanes>;
    for (Index y = 0; y < rows; ++y) {
      for (Index i = 0; i < row; i += Lanes) {
        const Index at = (std::min)(i, row - Lanes);
        V::store(image + y * stride + at, V::load(sample + y * row + at));
      }
    }
  });
}

}  // namespace routed_detail

}  // namespace hypertape::inline HYPERTAPE_ABI::kernels
