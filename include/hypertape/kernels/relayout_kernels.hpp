#pragma once

#include "hypertape/core/shape.hpp"
#include "hypertape/kernels/transpose.hpp"

namespace hypertape::inline HYPERTAPE_ABI::kernels {

/// Copies a tensor of shape `from` to the same extents in another layout. In memory, each is a box of samples n,
/// channels c and image positions p:
///
///     row_major  [n][c][p]      samples_innermost  [c][p][n]      channels_innermost  [n][p][c]
///
/// so every change of layout is a transposition of matrices.
template <class T>
void relayout(const Shape& from, const T* in, Layout layout, T* out) {
  const Index N = from[0], C = from[1], F = from.features(), P = F / C;
  const auto pair = [&](Layout a, Layout b) { return from.layout() == a && layout == b; };
  using enum Layout;
  if (pair(row_major, samples_innermost) || (C == 1 && pair(channels_innermost, samples_innermost))) {
    return transpose_matrix(N, F, in, F, out, N);
  }
  if (pair(samples_innermost, row_major) || (C == 1 && pair(samples_innermost, channels_innermost))) {
    return transpose_matrix(F, N, in, N, out, F);
  }
  if (pair(row_major, channels_innermost)) {
    for (Index n = 0; n < N; ++n) transpose_matrix(C, P, in + n * F, P, out + n * F, C);
  } else if (pair(channels_innermost, row_major)) {
    for (Index n = 0; n < N; ++n) transpose_matrix(P, C, in + n * F, C, out + n * F, P);
  } else if (pair(samples_innermost, channels_innermost)) {
    for (Index p = 0; p < P; ++p) transpose_matrix(C, N, in + p * N, P * N, out + p * C, F);
  } else if (pair(channels_innermost, samples_innermost)) {
    for (Index p = 0; p < P; ++p) transpose_matrix(N, C, in + p * C, F, out + p * N, P * N);
  } else {
    std::copy_n(in, from.size(), out);
  }
}

}  // namespace hypertape::inline HYPERTAPE_ABI::kernels
