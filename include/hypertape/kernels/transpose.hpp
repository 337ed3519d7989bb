#pragma once

#include <algorithm>

#include "hypertape/kernels/output_mode.hpp"
#include "hypertape/kernels/simd.hpp"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion"  // g++ warns about array bounds that are int template parameters

namespace hypertape::inline HYPERTAPE_ABI::kernels {

/// out[c out_row + r] = start + in[r in_row + c] for `rows` rows of `columns` values. Square tiles are transposed in
/// registers, 8 a side or, with few rows or columns, 4; the last tiles overlap the ones before.
template <class T>
void transpose_matrix(Index rows, Index columns, const T* in, Index in_row, T* out, Index out_row,
                      OutputMode mode = OutputMode::write) {
  constexpr int widest = (std::min)(8, native_lanes<T>), narrow = (std::min)(4, widest);
  const Index shorter = (std::min)(rows, columns);
  const auto by_tiles = [=]<int Lanes>() {
    using V = Simd<T, Lanes>;
    for (Index r0 = 0; r0 < rows; r0 += Lanes) {
      const Index r = (std::min)(r0, rows - Lanes);
      for (Index c0 = 0; c0 < columns; c0 += Lanes) {
        const Index c = (std::min)(c0, columns - Lanes);
        typename V::Vector tile[Lanes];
        for (int i = 0; i < Lanes; ++i) tile[i] = V::load(in + (r + i) * in_row + c);
        V::transpose(tile);
        if (mode == OutputMode::write) {
          for (int i = 0; i < Lanes; ++i) V::store(out + (c + i) * out_row + r, tile[i]);
        } else {  // what an earlier tile has added must not be added again
          for (Index i = c0 - c; i < Lanes; ++i) {
            T* to = out + (c + i) * out_row + r;
            V::store(to, V::load(to) + V::last_lanes(tile[i], Lanes - (r0 - r)));
          }
        }
      }
    }
  };
  if (shorter >= widest) return by_tiles.template operator()<widest>();
  if (shorter >= narrow) return by_tiles.template operator()<narrow>();
  by_tiles.template operator()<1>();
}

}  // namespace hypertape::inline HYPERTAPE_ABI::kernels

#pragma GCC diagnostic pop
