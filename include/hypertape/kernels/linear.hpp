#pragma once

#include <algorithm>

#include "hypertape/kernels/simd.hpp"
#include "hypertape/kernels/start.hpp"

/// The fully connected layer and its two gradients, for batches with samples innermost: input (N, I), weight (O, I)
/// row-major, output (N, O).
///
/// SIMD lanes run over features, not samples, so that five samples are as well served as sixteen: the input is
/// transposed once (N * I moves for N * I * O multiply-adds), and then each of the three products has one contiguous
/// operand in its innermost loop. Rows end with an overlapping vector.
namespace hypertape::kernels {

namespace detail {

/// out[c][r] = start + in[r][c] for in with `rows` rows of `columns` contiguous values.
template <class T>
void transpose(Index rows, Index columns, const T* in, T* out, Start start = Start::fresh) {
  constexpr Index tile = 16;
  for (Index r0 = 0; r0 < rows; r0 += tile) {
    for (Index c0 = 0; c0 < columns; c0 += tile) {
      for (Index c = c0; c < std::min(columns, c0 + tile); ++c) {
        for (Index r = r0; r < std::min(rows, r0 + tile); ++r) {
          T& to = out[c * rows + r];
          to = in[r * columns + c] + (start == Start::accumulate ? to : T(0));
        }
      }
    }
  }
}

/// Dot products of A x B pairs of rows: sums[a][b] = sum over k of left[a][k] * right[b][k]. The last vector overlaps;
/// `fresh` is 1 in the lanes that the one before has not covered.
template <int Lanes, int A, int B, class T>
HYPERTAPE_ALWAYS_INLINE void dot_block(Index length, const T* left, const T* right, const T* fresh, T (&sums)[A][B]) {
  using V = Simd<T, Lanes>;
  typename V::Vector sum[A][B] = {};
  const auto step = [&](Index k, bool masked) HYPERTAPE_ALWAYS_INLINE_LAMBDA {
    typename V::Vector l[A];
    for (int a = 0; a < A; ++a) {
      l[a] = V::load(left + a * length + k);
      if (masked) l[a] *= V::load(fresh);
    }
    for (int b = 0; b < B; ++b) {
      const auto r = V::load(right + b * length + k);
      for (int a = 0; a < A; ++a) sum[a][b] += l[a] * r;
    }
  };
  Index k = 0;
  for (; k + Lanes <= length; k += Lanes) step(k, false);
  if (k < length) step(length - Lanes, true);
  for (int a = 0; a < A; ++a) {
    for (int b = 0; b < B; ++b) sums[a][b] = V::sum(sum[a][b]);
  }
}

/// Rows [r, r + R) of out[r][k] = start + sum over s of coefficient(r, s) * in[s][k], k in 0 .. length - 1, where row s
/// of `in` starts at in + s * stride and row r of `out` at out + r * length.
template <int Lanes, int R, class T, class Coefficient>
HYPERTAPE_ALWAYS_INLINE void combine_rows(Index length, Index terms, Index r, const Coefficient& coefficient,
                                          const T* in, Index stride, Start start, T* out) {
  using V = Simd<T, Lanes>;
  T* to = out + r * length;
  for_each_vector_group<4, Lanes>(length, [&]<int Vectors>(const Index(&at)[Vectors]) {
    typename V::Vector sum[R][Vectors] = {};
    if (start == Start::accumulate) {
      for (int i = 0; i < R; ++i) {
        for (int v = 0; v < Vectors; ++v) sum[i][v] = V::load(to + i * length + at[v]);
      }
    }
    for (Index s = 0; s < terms; ++s) {
      for (int i = 0; i < R; ++i) {
        const auto factor = V::broadcast(coefficient(r + i, s));
        for (int v = 0; v < Vectors; ++v) sum[i][v] += factor * V::load(in + s * stride + at[v]);
      }
    }
    for (int i = 0; i < R; ++i) {
      for (int v = 0; v < Vectors; ++v) V::store(to + i * length + at[v], sum[i][v]);
    }
  });
}

template <class T, class Coefficient>
void combine_all_rows(Index count, Index length, Index terms, const Coefficient& coefficient, const T* in, Index stride,
                      Start start, T* out) {
  with_lanes_for<T>(length, [&]<int Lanes>() {
    Index r = 0;
    for (; r + 4 <= count; r += 4) combine_rows<Lanes, 4>(length, terms, r, coefficient, in, stride, start, out);
    for (; r < count; ++r) combine_rows<Lanes, 1>(length, terms, r, coefficient, in, stride, start, out);
  });
}

}  // namespace detail

inline Index linear_scratch(Index N, Index I) { return N * I; }

/// Columns `outputs` of output (N, O) = input (N, I) weight^T. `scratch`: linear_scratch values.
template <class T>
void linear(Index N, Index I, Range outputs, const T* input, const T* weight, Start start, T* output, T* scratch) {
  detail::transpose(I, N, input, scratch);  // one sample's features contiguous
  with_lanes_for<T>(I, [&]<int Lanes>() {
    T fresh[Lanes];
    for (Index lane = 0; lane < Lanes; ++lane) fresh[lane] = lane < Lanes - I % Lanes ? T(0) : T(1);
    const auto tile = [&]<int A, int B>(Index n, Index o) {
      T sums[A][B];
      detail::dot_block<Lanes, A, B>(I, scratch + n * I, weight + o * I, fresh, sums);
      for (int b = 0; b < B; ++b) {
        for (int a = 0; a < A; ++a) {
          T& to = output[(o + b) * N + n + a];
          to = sums[a][b] + (start == Start::accumulate ? to : T(0));
        }
      }
    };
    // Weights are the larger operand: four rows of them serve all samples before the next four are read.
    const auto all_samples = [&]<int B>(Index o) {
      Index n = 0;
      for (; n + 4 <= N; n += 4) tile.template operator()<4, B>(n, o);
      for (; n < N; ++n) tile.template operator()<1, B>(n, o);
    };
    Index o = outputs.begin;
    for (; o + 4 <= outputs.end; o += 4) all_samples.template operator()<4>(o);
    for (; o < outputs.end; ++o) all_samples.template operator()<1>(o);
  });
}

inline Index linear_input_gradient_scratch(Index N, Range inputs) { return N * inputs.size(); }

/// Columns `inputs` of dinput (N, I) = doutput (N, O) weight. `scratch`: linear_input_gradient_scratch values.
template <class T>
void linear_input_gradient(Index N, Index I, Index O, Range inputs, const T* doutput, const T* weight, Start start,
                           T* dinput, T* scratch) {
  const auto coefficient = [&](Index n, Index o) { return doutput[o * N + n]; };
  detail::combine_all_rows(N, inputs.size(), O, coefficient, weight + inputs.begin, I, Start::fresh, scratch);
  detail::transpose(N, inputs.size(), scratch, dinput + inputs.begin * N, start);
}

inline Index linear_weight_gradient_scratch(Index N, Index I) { return N * I; }

/// Rows `outputs` of dweight (O, I) = doutput^T input, for doutput (N, O) and input (N, I). `scratch`:
/// linear_weight_gradient_scratch values.
template <class T>
void linear_weight_gradient(Index N, Index I, Range outputs, const T* doutput, const T* input, Start start, T* dweight,
                            T* scratch) {
  detail::transpose(I, N, input, scratch);
  const auto coefficient = [&](Index o, Index n) { return doutput[(outputs.begin + o) * N + n]; };
  detail::combine_all_rows(outputs.size(), I, N, coefficient, scratch, I, start, dweight + outputs.begin * I);
}

}  // namespace hypertape::kernels
