#pragma once

#include <algorithm>

#include "hypertape/kernels/simd.hpp"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion"  // of g++ for the bound of an array that is a template's int

namespace hypertape::kernels {

/// out[c out_row + r] = in[r in_row + c] for `rows` rows of `columns` values: square blocks in registers, by perfect
/// shuffles (Stone 1971): log2(Lanes) times, vectors 2 i and 2 i + 1 become i, their even lanes, and i + Lanes / 2,
/// their odd ones.
template <int Lanes, class T>
void transpose_blocks(Index rows, Index columns, const T* in, Index in_row, T* out, Index out_row) {
  using V = Simd<T, Lanes>;
  const Index whole_rows = rows - rows % Lanes, whole_columns = columns - columns % Lanes;
  for (Index r = 0; r < whole_rows; r += Lanes) {
    for (Index c = 0; c < whole_columns; c += Lanes) {
      typename V::Vector block[Lanes], next[Lanes];
      for (int i = 0; i < Lanes; ++i) block[i] = V::load(in + (r + i) * in_row + c);
      for (int round = 1; round < Lanes; round *= 2) {
        for (int i = 0; i < Lanes / 2; ++i) {
          next[i] = V::even(block[2 * i], block[2 * i + 1]);
          next[i + Lanes / 2] = V::odd(block[2 * i], block[2 * i + 1]);
        }
        for (int i = 0; i < Lanes; ++i) block[i] = next[i];
      }
      for (int i = 0; i < Lanes; ++i) V::store(out + (c + i) * out_row + r, block[i]);
    }
    for (Index c = whole_columns; c < columns; ++c) {
      for (Index i = r; i < r + Lanes; ++i) out[c * out_row + i] = in[i * in_row + c];
    }
  }
  for (Index c = 0; c < columns; ++c) {
    for (Index r = whole_rows; r < rows; ++r) out[c * out_row + r] = in[r * in_row + c];
  }
}

/// The same with blocks that fit the matrix.
template <class T>
void transpose_matrix(Index rows, Index columns, const T* in, Index in_row, T* out, Index out_row) {
  constexpr int widest = (std::min)(8, native_lanes<T>);
  if (columns == 1 && in_row == 1) {
    std::copy_n(in, rows, out);
    return;
  }
  if ((std::min)(rows, columns) >= widest) return transpose_blocks<widest>(rows, columns, in, in_row, out, out_row);
  transpose_blocks<(std::min)(4, widest)>(rows, columns, in, in_row, out, out_row);
}

}  // namespace hypertape::kernels

#pragma GCC diagnostic pop
