#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "hypertape/kernels/simd.hpp"

/// Sums, each in one fixed order: vectors of partial sums, then the tail.
namespace hypertape::inline HYPERTAPE_ABI::kernels {

namespace detail {

/// The sum of term(i) over i = 0 .. count - 1 with four vectors of partial sums, which also keep the rounding error of
/// a long sum small.
template <class T, class VectorTerm, class Term>
T sum_of(Index count, const VectorTerm& vector_term, const Term& term) {
  constexpr int lanes = native_lanes<T>;
  using V = Simd<T, lanes>;
  typename V::Vector sum[4] = {};
  Index i = 0;
  for (; i + 4 * lanes <= count; i += 4 * lanes) {
    for (int v = 0; v < 4; ++v) sum[v] += vector_term(i + v * lanes);
  }
  T total = V::sum((sum[0] + sum[1]) + (sum[2] + sum[3]));
  for (; i < count; ++i) total += term(i);
  return total;
}

}  // namespace detail

/// The sum of all elements.
template <class T>
T sum(Index count, const T* a) {
  using V = Simd<T, native_lanes<T>>;
  return detail::sum_of<T>(
      count, [&](Index i) { return V::load(a + i); }, [&](Index i) { return a[i]; });
}

/// The inner product of a and b.
template <class T>
T dot(Index count, const T* a, const T* b) {
  using V = Simd<T, native_lanes<T>>;
  return detail::sum_of<T>(
      count, [&](Index i) { return V::load(a + i) * V::load(b + i); }, [&](Index i) { return a[i] * b[i]; });
}

/// The Euclidean norm: the root of the sum of squares, without overflow or underflow.
template <class T>
T norm(Index count, const T* a) {
  using Limits = std::numeric_limits<T>;
  const T squares = dot(count, a, a);
  // Within these bounds no square has overflowed, and subnormal ones do not matter.
  if (squares >= (Limits::min)() / Limits::epsilon() && squares <= (Limits::max)()) return std::sqrt(squares);
  if (std::isnan(squares)) return squares;
  T largest = 0, total = 0;
  for (Index i = 0; i < count; ++i) largest = (std::max)(largest, std::abs(a[i]));
  if (!(largest > 0) || std::isinf(largest)) return largest;
  for (Index i = 0; i < count; ++i) total += (a[i] / largest) * (a[i] / largest);
  return largest * std::sqrt(total);
}

/// out[r] = the sum of row r, for `rows` rows of `columns` contiguous values.
template <class T>
void row_sums(Index rows, Index columns, const T* in, T* out) {
  for (Index r = 0; r < rows; ++r) out[r] = sum(columns, in + r * columns);
}

/// out[r] = the sum over columns of `columns` contiguous blocks of `rows` values.
template <class T>
void column_sums(Index rows, Index columns, const T* in, T* out) {
  for (Index r = 0; r < rows; ++r) out[r] = T(0);
  for (Index c = 0; c < columns; ++c) {
    for (Index r = 0; r < rows; ++r) out[r] += in[c * rows + r];
  }
}

}  // namespace hypertape::inline HYPERTAPE_ABI::kernels
