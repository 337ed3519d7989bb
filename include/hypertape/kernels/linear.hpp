#pragma once

#include <algorithm>

#include "hypertape/kernels/matrix.hpp"
#include "hypertape/kernels/start.hpp"

/// The fully connected layer and its two gradients, for batches with samples innermost: input (N, F), weight (O, F)
/// row-major, output (N, O).
///
/// SIMD lanes run over features, not samples, so that five samples are as well served as sixteen: the input is
/// transposed once (N * F moves for N * F * O multiply-adds), and then each of the three products has one contiguous
/// operand in its innermost loop. Rows end with an overlapping vector.
namespace hypertape::kernels {

namespace detail {

/// out[c][r] = start + in[r][c] for in with `rows` rows of `columns` contiguous values.
template <class T>
void transpose(Index rows, Index columns, const T* in, T* out, Start start = Start::fresh) {
  constexpr Index tile = 16;
  for (Index r0 = 0; r0 < rows; r0 += tile) {
    for (Index c0 = 0; c0 < columns; c0 += tile) {
      for (Index c = c0; c < (std::min)(columns, c0 + tile); ++c) {
        for (Index r = r0; r < (std::min)(rows, r0 + tile); ++r) {
          T& to = out[c * rows + r];
          to = in[r * columns + c] + (start == Start::accumulate ? to : T(0));
        }
      }
    }
  }
}

}  // namespace detail

/// Values of scratch for `linear`.
inline Index linear_scratch(Index N, Index F) { return N * F; }

/// Columns `outputs` of output (N, O) = input (N, F) weight^T. `scratch`: linear_scratch values.
template <class T>
void linear(Index N, Index F, Range outputs, const T* input, const T* weight, Start start, T* output, T* scratch) {
  detail::transpose(F, N, input, scratch);  // one sample's features contiguous
  matrix::multiply_transposed<T, 1>(N, outputs.size(), F, {{scratch, weight + outputs.begin * F}}, start,
                                    output + outputs.begin * N, 1, N);
}

/// Values of scratch for `linear_input_gradient`.
inline Index linear_input_gradient_scratch(Index N, Range inputs) { return N * inputs.size(); }

/// Columns `inputs` of dinput (N, F) = doutput (N, O) weight. `scratch`: linear_input_gradient_scratch values.
template <class T>
void linear_input_gradient(Index N, Index F, Index O, Range inputs, const T* doutput, const T* weight, Start start,
                           T* dinput, T* scratch) {
  matrix::combine_rows<T, 1>(N, inputs.size(), O, {{doutput, 1, N, weight + inputs.begin, F}}, Start::fresh, scratch);
  detail::transpose(N, inputs.size(), scratch, dinput + inputs.begin * N, start);
}

/// Values of scratch for `linear_weight_gradient`.
inline Index linear_weight_gradient_scratch(Index N, Index F) { return N * F; }

/// Rows `outputs` of dweight (O, F) = doutput^T input, for doutput (N, O) and input (N, F). `scratch`:
/// linear_weight_gradient_scratch values.
template <class T>
void linear_weight_gradient(Index N, Index F, Range outputs, const T* doutput, const T* input, Start start, T* dweight,
                            T* scratch) {
  detail::transpose(F, N, input, scratch);
  matrix::combine_rows<T, 1>(outputs.size(), F, N, {{doutput + outputs.begin * N, N, 1, scratch, F}}, start,
                             dweight + outputs.begin * F);
}

}  // namespace hypertape::kernels
