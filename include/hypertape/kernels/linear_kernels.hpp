#pragma once

#include <algorithm>

#include "hypertape/kernels/matrix.hpp"
#include "hypertape/kernels/output_mode.hpp"
#include "hypertape/kernels/transpose.hpp"

/// The fully connected layer and its two gradients, for batches with samples innermost: input (N, F), weight (O, F)
/// row-major, output (N, O).
///
/// Each pass has two forms, which agree up to rounding. With enough samples, SIMD lanes run over samples, which are
/// already contiguous. With few, lanes run over features, so that five samples are served as well as sixteen: the input
/// is transposed once (N * F moves for N * F * O multiply-adds), after which each of the three products has one
/// contiguous operand in its innermost loop. With few outputs the transposition does not pay off. Rows end with an
/// overlapping vector.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion"  // g++ warns about array bounds that are int template parameters

namespace hypertape::inline HYPERTAPE_ABI::kernels {

/// The three passes with lanes over features, for few samples. Like those below, they must not be inlined: inlined into
/// one another, they make g++ generate worse code for each.
namespace detail::over_features {

template <class T>
[[gnu::noinline]] void linear(Index N, Index F, Range outputs, const T* input, const T* weight, OutputMode mode,
                              T* output, T* scratch) {
  transpose_matrix(F, N, input, N, scratch, F);  // one sample's features contiguous
  matrix::multiply_transposed<T, 1>(N, outputs.size(), F, {{scratch, weight + outputs.begin * F}}, mode,
                                    output + outputs.begin * N, 1, N);
}

template <class T>
[[gnu::noinline]] void input_gradient(Index N, Index F, Index O, Range inputs, const T* doutput, const T* weight,
                                      OutputMode mode, T* dinput, T* scratch) {
  matrix::combine_rows<T, 1>(N, inputs.size(), O, {{doutput, 1, N, weight + inputs.begin, F}}, OutputMode::write,
                             scratch);
  transpose_matrix(N, inputs.size(), scratch, inputs.size(), dinput + inputs.begin * N, N, mode);
}

template <class T>
[[gnu::noinline]] void weight_gradient(Index N, Index F, Range outputs, const T* doutput, const T* input,
                                       OutputMode mode, T* dweight, T* scratch) {
  transpose_matrix(F, N, input, N, scratch, F);
  matrix::combine_rows<T, 1>(outputs.size(), F, N, {{doutput + outputs.begin * N, N, 1, scratch, F}}, mode,
                             dweight + outputs.begin * F);
}

}  // namespace detail::over_features

/// The three passes with lanes over samples, which need no scratch.
namespace detail::over_samples {

/// Whether there are so few outputs that their work does not hide the cost of a transposition.
inline bool few_outputs(Index O) { return O <= 16; }

/// Whether `linear` runs over samples. Like the two choices below, it depends on the whole layer and not on the range
/// of one call, so the bits are the same for any number of threads.
template <class T>
bool serve_linear(Index N, Index O) {
  return N >= native_lanes<T> || (few_outputs(O) && 2 * N >= native_lanes<T>);
}
template <class T>
[[gnu::noinline]] void linear(Index N, Index F, Range outputs, const T* input, const T* weight, OutputMode mode,
                              T* output) {
  matrix::combine_rows<T, 1>(outputs.size(), N, F, {{weight + outputs.begin * F, F, 1, input, N}}, mode,
                             output + outputs.begin * N);
}

/// With many outputs, the gradient is faster when written sample by sample.
template <class T>
bool serve_input_gradient(Index N, Index O) {
  return few_outputs(O) && 2 * N >= native_lanes<T>;
}
template <class T>
[[gnu::noinline]] void input_gradient(Index N, Index F, Index O, Range inputs, const T* doutput, const T* weight,
                                      OutputMode mode, T* dinput) {
  matrix::combine_rows<T, 1>(inputs.size(), N, O, {{weight + inputs.begin, 1, F, doutput, N}}, mode,
                             dinput + inputs.begin * N);
}

/// Here the dot products run over samples, and pay off only if they are long.
template <class T>
bool serve_weight_gradient(Index N, Index O) {
  return N >= native_lanes<T> && O <= std::min<Index>(8, N / native_lanes<T> + 1);
}
template <class T>
[[gnu::noinline]] void weight_gradient(Index N, Index F, Range outputs, const T* doutput, const T* input,
                                       OutputMode mode, T* dweight) {
  matrix::multiply_transposed<T, 1>(outputs.size(), F, N, {{doutput + outputs.begin * N, input}}, mode,
                                    dweight + outputs.begin * F, F, 1);
}

}  // namespace detail::over_samples

/// Values of scratch for `linear`.
inline Index linear_scratch(Index N, Index F) { return N * F; }

/// Columns `outputs` of output (N, O) = input (N, F) weight^T. `scratch` holds linear_scratch values.
template <class T>
void linear(Index N, Index F, Index O, Range outputs, const T* input, const T* weight, OutputMode mode, T* output,
            T* scratch) {
  if (detail::over_samples::serve_linear<T>(N, O)) {
    return detail::over_samples::linear(N, F, outputs, input, weight, mode, output);
  }
  detail::over_features::linear(N, F, outputs, input, weight, mode, output, scratch);
}

/// Values of scratch for `linear_input_gradient`.
inline Index linear_input_gradient_scratch(Index N, Range inputs) { return N * inputs.size(); }

/// Columns `inputs` of dinput (N, F) = doutput (N, O) weight. `scratch` holds linear_input_gradient_scratch values.
template <class T>
void linear_input_gradient(Index N, Index F, Index O, Range inputs, const T* doutput, const T* weight, OutputMode mode,
                           T* dinput, T* scratch) {
  if (detail::over_samples::serve_input_gradient<T>(N, O)) {
    return detail::over_samples::input_gradient(N, F, O, inputs, doutput, weight, mode, dinput);
  }
  detail::over_features::input_gradient(N, F, O, inputs, doutput, weight, mode, dinput, scratch);
}

/// Values of scratch for `linear_weight_gradient`.
inline Index linear_weight_gradient_scratch(Index N, Index F) { return N * F; }

/// Rows `outputs` of dweight (O, F) = doutput^T input, for doutput (N, O) and input (N, F). `scratch` holds
/// linear_weight_gradient_scratch values.
template <class T>
void linear_weight_gradient(Index N, Index F, Index O, Range outputs, const T* doutput, const T* input, OutputMode mode,
                            T* dweight, T* scratch) {
  if (detail::over_samples::serve_weight_gradient<T>(N, O)) {
    return detail::over_samples::weight_gradient(N, F, outputs, doutput, input, mode, dweight);
  }
  detail::over_features::weight_gradient(N, F, outputs, doutput, input, mode, dweight, scratch);
}

/// @{
/// The three passes for row-major batches, input (N, F) and output (N, O), for one pair of operands or the sum over
/// several. Rows are already laid out as each product needs them. Each pass computes a range of rows of its result.
///
/// output (N, O) = input weight^T for pairs (input, weight).
template <class T, int Pairs>
void linear_rows(Index F, Index O, Range samples, const matrix::RowPair<T> (&pairs)[Pairs], OutputMode mode,
                 T* output) {
  matrix::RowPair<T> products[Pairs];
  for (int m = 0; m < Pairs; ++m) products[m] = {pairs[m].left + samples.begin * F, pairs[m].right};
  matrix::multiply_transposed<T, Pairs>(samples.size(), O, F, products, mode, output + samples.begin * O, O, 1);
}
/// dinput (N, F) = doutput weight for pairs (weight, doutput).
template <class T, int Pairs>
void linear_rows_input_gradient(Index F, Index O, Range samples, const matrix::RowPair<T> (&pairs)[Pairs],
                                OutputMode mode, T* dinput) {
  matrix::RowCombination<T> products[Pairs];
  for (int m = 0; m < Pairs; ++m) products[m] = {pairs[m].right + samples.begin * O, O, 1, pairs[m].left, F};
  matrix::combine_rows<T, Pairs>(samples.size(), F, O, products, mode, dinput + samples.begin * F);
}
/// dweight (O, F) = doutput^T input for pairs (input, doutput).
template <class T, int Pairs>
void linear_rows_weight_gradient(Index N, Index F, Index O, Range outputs, const matrix::RowPair<T> (&pairs)[Pairs],
                                 OutputMode mode, T* dweight) {
  matrix::RowCombination<T> products[Pairs];
  for (int m = 0; m < Pairs; ++m) products[m] = {pairs[m].right + outputs.begin, 1, O, pairs[m].left, F};
  matrix::combine_rows<T, Pairs>(outputs.size(), F, N, products, mode, dweight + outputs.begin * F);
}
/// @}

}  // namespace hypertape::inline HYPERTAPE_ABI::kernels

#pragma GCC diagnostic pop
