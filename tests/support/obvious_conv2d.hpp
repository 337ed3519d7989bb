#pragma once

#include "hypertape/core/tensor.hpp"
#include "hypertape/kernels/conv2d_geometry.hpp"

namespace hypertape::testing {

/// The seven nested loops of a convolution: calls visit(input offset, weight offset, output offset) for every product
/// input * weight that is a term of an output.
template <class Visit>
void for_each_product(const kernels::Conv2dGeometry& g, const Visit& visit) {
  const Shape input = g.input(), output = g.output();
  for (Index n = 0; n < g.N; ++n) {
    for (Index o = 0; o < g.O; ++o) {
      for (Index oy = 0; oy < g.OH(); ++oy) {
        for (Index ox = 0; ox < g.OW(); ++ox) {
          for (Index c = 0; c < g.C; ++c) {
            for (Index ky = 0; ky < g.K; ++ky) {
              for (Index kx = 0; kx < g.K; ++kx) {
                const Index y = oy * g.stride + ky - g.padding, x = ox * g.stride + kx - g.padding;
                if (y < 0 || y >= g.H || x < 0 || x >= g.W) continue;
                visit(hypertape::detail::offset_of(input, n, c, y, x), ((o * g.C + c) * g.K + ky) * g.K + kx,
                      hypertape::detail::offset_of(output, n, o, oy, ox));
              }
            }
          }
        }
      }
    }
  }
}

}  // namespace hypertape::testing
