#pragma once

#include <algorithm>

#include "hypertape/kernels/matmul_kernels.hpp"
#include "hypertape/kernels/output_mode.hpp"
#include "hypertape/kernels/transpose.hpp"

/// The fully connected layer and its two gradients, for batches with samples innermost: input (N, F), weight (O, F)
/// row-major, output (N, O).
///
/// Each pass has two forms, which agree up to rounding. With enough samples, SIMD lanes run over samples, which are
/// already contiguous: a pass is a product of row-major matrices (matmul_kernels.hpp). With few, lanes run over
/// features, so that five samples are served as well as sixteen: the input is transposed once (N * F moves for N * F *
/// O multiply-adds), after which each of the three products has one contiguous operand in its innermost loop. With few
/// outputs the transposition does not pay off. Rows end with an overlapping vector.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion"  // g++ warns about array bounds that are int template parameters

namespace hypertape::inline HYPERTAPE_ABI::kernels {

/// The three passes with lanes over features, for few samples. They must not be inlined: inlined into one another, they
/// make g++ generate worse code for each.
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

namespace detail {

/// Whether lanes run over samples in each pass. It depends on the whole layer and not on the range of one call, so the
/// bits are the same for any number of threads.
template <class T>
struct LanesOverSamples {
  static constexpr Index lanes = native_lanes<T>, many = 4 * lanes;
  Index N, F, O;

  /// Whether there are so few outputs that their work does not hide the cost of a transposition.
  bool few_outputs() const { return O <= 16 && 2 * N >= lanes; }

  bool forward() const { return N >= lanes || few_outputs(); }
  /// An input that fits the second-level cache is not worth copying.
  bool copies_strips() const { return N * F * static_cast<Index>(sizeof(T)) > (Index{1} << 20); }
  bool input_gradient() const { return few_outputs() || (N >= many && MatmulCut<T>::serves(F, N, O, false)); }
  /// Dot products over samples pay off only if they are long.
  bool weight_gradient() const {
    const bool short_dots = O > (std::min<Index>)(16, N / lanes + 1);
    return N >= lanes && (!short_dots || (N >= many && MatmulCut<T>::serves(O, F, N, true)));
  }
};

}  // namespace detail

/// Values of scratch for `linear`.
inline Index linear_scratch(Index N, Index F, Index O) {
  return (std::max)(N * F, matmul_scratch(O, N, F, O, false, false));
}

/// Columns `outputs` of output (N, O) = input (N, F) weight^T. `scratch` holds linear_scratch values.
template <class T>
void linear(Index N, Index F, Index O, Range outputs, const T* input, const T* weight, OutputMode mode, T* output,
            T* scratch) {
  const detail::LanesOverSamples<T> choice{N, F, O};
  if (choice.forward() && choice.copies_strips()) {
    return matmul<T>(O, N, F, outputs, {weight, false}, {input, false}, mode, output, scratch);
  }
  if (choice.forward()) {
    return matrix::combine_rows<T, 1>(outputs.size(), N, F, {{weight + outputs.begin * F, F, 1, input, N}}, mode,
                                      output + outputs.begin * N);
  }
  detail::over_features::linear(N, F, outputs, input, weight, mode, output, scratch);
}

/// Values of scratch for `linear_input_gradient`.
inline Index linear_input_gradient_scratch(Index N, Index F, Index O, Range inputs) {
  return (std::max)(N * inputs.size(), matmul_scratch(F, N, O, inputs.size(), true, false));
}

/// Columns `inputs` of dinput (N, F) = doutput (N, O) weight. `scratch` holds linear_input_gradient_scratch values.
template <class T>
void linear_input_gradient(Index N, Index F, Index O, Range inputs, const T* doutput, const T* weight, OutputMode mode,
                           T* dinput, T* scratch) {
  if (detail::LanesOverSamples<T>{N, F, O}.input_gradient()) {
    return matmul<T>(F, N, O, inputs, {weight, true}, {doutput, false}, mode, dinput, scratch);
  }
  detail::over_features::input_gradient(N, F, O, inputs, doutput, weight, mode, dinput, scratch);
}

/// Values of scratch for `linear_weight_gradient`.
inline Index linear_weight_gradient_scratch(Index N, Index F, Index O) {
  return (std::max)(N * F, matmul_scratch(O, F, N, O, false, true));
}

/// Rows `outputs` of dweight (O, F) = doutput^T input, for doutput (N, O) and input (N, F). `scratch` holds
/// linear_weight_gradient_scratch values.
template <class T>
void linear_weight_gradient(Index N, Index F, Index O, Range outputs, const T* doutput, const T* input, OutputMode mode,
                            T* dweight, T* scratch) {
  if (detail::LanesOverSamples<T>{N, F, O}.weight_gradient()) {
    return matmul<T>(O, F, N, outputs, {doutput, false}, {input, true}, mode, dweight, scratch);
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
