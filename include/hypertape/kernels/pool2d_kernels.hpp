#pragma once

#include <algorithm>
#include <cstdint>

#include "hypertape/core/error.hpp"
#include "hypertape/core/shape.hpp"
#include "hypertape/kernels/arg_max.hpp"
#include "hypertape/kernels/simd.hpp"

/// Pooling of a batch (N, C, H, W) over K x K windows. Vectors run along the N contiguous samples.
namespace hypertape::inline HYPERTAPE_ABI::kernels {

/// The sizes of a pooling operation. Windows start at stride * o - padding; positions outside the image are ignored.
struct Pool2dGeometry {
  Index N = 1;        ///< samples
  Index C = 1;        ///< channels
  Index H = 1;        ///< rows
  Index W = 1;        ///< columns
  Index K = 1;        ///< rows and columns of a window
  Index stride = 1;   ///< positions from one window to the next
  Index padding = 0;  ///< rows and columns around the image

  /// Rows of the output.
  Index OH() const { return (H - (K - 2 * padding)) / stride + 1; }
  /// Columns of the output.
  Index OW() const { return (W - (K - 2 * padding)) / stride + 1; }
  Shape input() const { return Shape::batch(N, C, H, W); }         ///< (N, C, H, W)
  Shape output() const { return Shape::batch(N, C, OH(), OW()); }  ///< (N, C, OH, OW)
};

/// Returns the sizes. @throws ShapeError unless the input is (N, C, H, W) and the windows fit. The padding may be at
/// most half a window, so that every window has a position in the image.
inline Pool2dGeometry pool2d_geometry(const char* name, const Shape& input, Index K, Index stride, Index padding) {
  const auto fail = [&](const auto&... rule) {
    throw ShapeError(name, ": input ", input, " with windows of ", K, ", stride ", stride, ", padding ", padding, ": ",
                     rule...);
  };
  if (input.rank() != 4) fail("the input must be (N, C, H, W)");
  hypertape::detail::require_batch(name, "the input", input);
  if (K < 1 || stride < 1) fail("window and stride must be at least 1");
  if (padding < 0 || padding > K / 2) fail("the padding must be between 0 and half of the window");
  const Index inside = K - 2 * padding;  // positions in the image, at least; extent + padding could overflow
  if (input[2] < inside || input[3] < inside) fail("the window is larger than the padded image");
  return {input[0], input[1], input[2], input[3], K, stride, padding};
}

namespace detail {

/// Calls visit(output offset, c, y_begin, y_end, x_begin, x_end) for each window, clipped to the image. Arguments are
/// passed by value: vector stores may alias anything reached through a reference, which would have to be reloaded for
/// each window.
template <class Visit>
void for_each_window(const Pool2dGeometry g, const Visit visit) {
  const Index OH = g.OH(), OW = g.OW();  // computed once, as they divide
  Index out = 0;
  for (Index c = 0; c < g.C; ++c) {
    for (Index oy = 0; oy < OH; ++oy) {
      for (Index ox = 0; ox < OW; ++ox, out += g.N) {
        const Index y = oy * g.stride - g.padding, x = ox * g.stride - g.padding;
        visit(out, c, std::max<Index>(0, y), (std::min)(g.H, y + g.K), std::max<Index>(0, x), (std::min)(g.W, x + g.K));
      }
    }
  }
}

/// Calls visit.template operator()<Lanes>(window, output, rows, columns) for each window, clipped to the image, and all
/// its samples, a vector at a time: `window` is the offset of the window's first value, `output` the offset of the
/// first result.
///
/// With fewer samples than a register has lanes, vectors have the next power of two of lanes. The lanes beyond the
/// last sample hold values of the next window, which overwrites them. The last windows, where such a vector would leave
/// memory, use single lanes. Windows of 2 x 2 and 3 x 3 are passed as constants, so that the visitor's loops unroll.
template <class T, class Visit>
void for_each_window_vector(const Pool2dGeometry& g, const Visit visit) {
  const Index input_size = g.input().size(), output_size = g.output().size(), row = g.W * g.N;
  with_power_of_two<native_lanes<T>>(g.N, [=]<int Lanes>() {
    for_each_window(g, [=](Index out, Index c, Index y_begin, Index y_end, Index x_begin, Index x_end) {
      const Index rows = y_end - y_begin, columns = x_end - x_begin;
      const Index first = ((c * g.H + y_begin) * g.W + x_begin) * g.N;
      const Index last = first + (rows - 1) * row + (columns - 1) * g.N;
      const auto visit_samples = [=]<int Width>(Index n) HYPERTAPE_ALWAYS_INLINE_LAMBDA {
        const auto visit_window = [=](Index height, Index width) HYPERTAPE_ALWAYS_INLINE_LAMBDA {
          visit.template operator()<Width>(first + n, out + n, height, width);
        };
        if (rows == 2 && columns == 2) return visit_window(2, 2);
        if (rows == 3 && columns == 3) return visit_window(3, 3);
        visit_window(rows, columns);
      };
      if (g.N >= Lanes || (last + Lanes <= input_size && out + Lanes <= output_size)) {
        visit_samples.template operator()<Lanes>(0);
        for (Index n = Lanes; n < g.N; n += Lanes) visit_samples.template operator()<Lanes>((std::min)(n, g.N - Lanes));
      } else {
        for (Index n = 0; n < g.N; ++n) visit_samples.template operator()<1>(n);
      }
    });
  });
}

/// Finds the maximum of one clipped window for `Lanes` samples, with the best value and offset in registers. `first` is
/// the offset of the window's first position.
template <int Lanes, class T>
HYPERTAPE_ALWAYS_INLINE void max_of_window(const T* input, Index first, Index rows, Index columns, Index row_stride,
                                           Index N, T* output, std::int32_t* source) {
  using V = Simd<T, Lanes>;
  using Offset = ArgMaxOffset<T>;
  using O = Simd<Offset, Lanes>;
  ArgMax<T, Lanes> peak{V::load(input + first), {}};
  for (Index y = 0; y < rows; ++y) {
    for (Index x = 0; x < columns; ++x) {
      const Index move = y * row_stride + x * N;
      peak.take({V::load(input + first + move), O::broadcast(static_cast<Offset>(move))});
    }
  }
  V::store(output, peak.value);
  peak.at += O::broadcast(static_cast<Offset>(first)) + O::iota();
  using S = Simd<std::int32_t, Lanes>;
  S::store(source, __builtin_convertvector(peak.at, typename S::Vector));
}

/// The number of positions in a window, as a T: K * K as an integer may overflow.
template <class T>
T positions(const Pool2dGeometry& g) {
  return static_cast<T>(g.K) * static_cast<T>(g.K);
}

}  // namespace detail

/// output (N, C, OH, OW) = the largest value of each window; source = its offset in the input, for equal values the
/// first in row-major order. A NaN wins over every number, as in PyTorch.
template <class T>
void max_pool2d(const Pool2dGeometry& g, const T* input, T* output, std::int32_t* source) {
  const Index N = g.N, row = g.W * N;
  detail::for_each_window_vector<T>(
      g, [=]<int Lanes>(Index window, Index out, Index rows, Index columns) HYPERTAPE_ALWAYS_INLINE_LAMBDA {
        detail::max_of_window<Lanes>(input, window, rows, columns, row, N, output + out, source + out);
      });
}

/// output (N, C, OH, OW) = the mean of each window over its K * K positions, with the padding counted as zeros
/// (PyTorch's default).
template <class T>
void average_pool2d(const Pool2dGeometry& g, const T* input, T* output) {
  const T positions = detail::positions<T>(g);
  const Index N = g.N, row = g.W * N;
  detail::for_each_window_vector<T>(
      g, [=]<int Lanes>(Index window, Index out, Index rows, Index columns) HYPERTAPE_ALWAYS_INLINE_LAMBDA {
        using V = Simd<T, Lanes>;
        typename V::Vector sum = {};
        for (Index y = 0; y < rows; ++y) {
          for (Index x = 0; x < columns; ++x) sum += V::load(input + window + y * row + x * N);
        }
        V::store(output + out, sum / positions);
      });
}

namespace detail {

/// The adjoint of `average_pool2d` for adjacent windows without padding. It writes in memory order, so that lanes
/// beyond the last sample may hold anything: later writes overwrite them.
template <int Lanes, class T>
void average_pool2d_adjoint_of_tiles(const Pool2dGeometry g, T positions, const T* doutput, T* dinput) {
  using V = Simd<T, Lanes>;
  const Index OH = g.OH(), OW = g.OW(), row = g.W * g.N, used = OW * g.K * g.N;
  const T* const from_end = doutput + g.output().size();
  T* const end = dinput + g.input().size();
  for (Index c = 0; c < g.C; ++c) {
    for (Index y = 0; y < g.H; ++y, dinput += row) {
      const Index oy = y / g.K;
      const Index columns = oy < OH ? OW : 0;
      const T* from = doutput + (c * OH + oy) * OW * g.N;
      for (Index ox = 0; ox < columns; ++ox, from += g.N) {
        T* const to = dinput + ox * g.K * g.N;
        const bool whole = g.N >= Lanes || (from_end - from >= Lanes && end - to >= (g.K - 1) * g.N + Lanes);
        if (whole) {
          for (Index n = 0; n < g.N; n += Lanes) {
            const Index at = std::max<Index>(0, (std::min)(n, g.N - Lanes));
            const auto share = V::load(from + at) / positions;
            for (Index x = 0; x < g.K; ++x) V::store(to + x * g.N + at, share);
          }
        } else {
          for (Index n = 0; n < g.N; ++n) {
            const T share = from[n] / positions;
            for (Index x = 0; x < g.K; ++x) to[x * g.N + n] = share;
          }
        }
      }
      std::fill(dinput + (columns > 0 ? used : 0), dinput + row, T(0));
    }
  }
}

}  // namespace detail

/// dinput (N, C, H, W) = the adjoint of `average_pool2d`, applied to doutput (N, C, OH, OW).
template <class T>
void average_pool2d_adjoint(const Pool2dGeometry& g, const T* doutput, T* dinput) {
  const T positions = detail::positions<T>(g);
  if (g.stride == g.K && g.padding == 0) {
    return with_power_of_two<native_lanes<T>>(
        g.N, [&]<int Lanes>() { detail::average_pool2d_adjoint_of_tiles<Lanes>(g, positions, doutput, dinput); });
  }
  std::fill_n(dinput, g.N * g.C * g.H * g.W, T(0));
  detail::for_each_window(g, [&](Index out, Index c, Index y_begin, Index y_end, Index x_begin, Index x_end) {
    constexpr Index at_once = 64;  // samples at a time, so that their shares stay in the first-level cache
    T share[at_once];
    for (Index first = 0; first < g.N; first += at_once) {
      const Index count = (std::min)(at_once, g.N - first);
      for (Index n = 0; n < count; ++n) share[n] = doutput[out + first + n] / positions;
      for (Index y = y_begin; y < y_end; ++y) {
        for (Index x = x_begin; x < x_end; ++x) {
          T* in = dinput + ((c * g.H + y) * g.W + x) * g.N + first;
          for (Index n = 0; n < count; ++n) in[n] += share[n];
        }
      }
    }
  });
}

}  // namespace hypertape::inline HYPERTAPE_ABI::kernels
