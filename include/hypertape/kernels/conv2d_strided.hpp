#pragma once

#include <algorithm>

#include "hypertape/kernels/conv2d_geometry.hpp"

/// Convolution for any stride: for each output position and kernel tap, one multiply-add over the N contiguous
/// samples. Slower than the rows of conv2d_rows.hpp, and the same for every shape.
namespace hypertape::inline HYPERTAPE_ABI::kernels::strided {

/// Calls tap(output offset, input offset, weight offset) for every tap between the given output and input channels that
/// falls on the image; each offset names N contiguous samples (or one weight). Taps of one output follow one another.
template <class Tap>
void for_each_tap(const Conv2dGeometry& g, Range outputs, Range inputs, const Tap& tap) {
  const Index OH = g.OH(), OW = g.OW();
  for (Index o = outputs.begin; o < outputs.end; ++o) {
    for (Index oy = 0; oy < OH; ++oy) {
      for (Index ox = 0; ox < OW; ++ox) {
        const Index y0 = oy * g.stride - g.padding, x0 = ox * g.stride - g.padding;
        for (Index c = inputs.begin; c < inputs.end; ++c) {
          for (Index ky = std::max<Index>(0, -y0); ky < (std::min)(g.K, g.H - y0); ++ky) {
            for (Index kx = std::max<Index>(0, -x0); kx < (std::min)(g.K, g.W - x0); ++kx) {
              tap(((o * OH + oy) * OW + ox) * g.N, ((c * g.H + y0 + ky) * g.W + x0 + kx) * g.N,
                  ((o * g.C + c) * g.K + ky) * g.K + kx);
            }
          }
        }
      }
    }
  }
}

}  // namespace hypertape::inline HYPERTAPE_ABI::kernels::strided
