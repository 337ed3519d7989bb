#pragma once

#include <algorithm>

#include "hypertape/kernels/output_mode.hpp"
#include "hypertape/kernels/simd.hpp"

/// Products of row-major matrices with few rows, as the linear layers of a block of samples need them. In both
/// functions, SIMD lanes read contiguous rows, which end with an overlapping vector.
///
/// A result may be a sum of several products, out = start + sum over m of product_m (a tangent is W' x + W x'). The
/// sum is accumulated in registers and stored once.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion"  // g++ warns about array bounds that are int template parameters

namespace hypertape::inline HYPERTAPE_ABI::kernels::matrix {

namespace detail {

/// Whether the processor has 32 vector registers rather than 16. A tile has as many accumulators (its rows times
/// vectors, or rows times columns) as leave some registers for operands.
inline constexpr bool many_registers = HYPERTAPE_VECTOR_BYTES == 64;

}  // namespace detail

/// Two matrices with rows of `length` contiguous values.
template <class T>
struct RowPair {
  const T* left;   ///< its rows give the rows of the result
  const T* right;  ///< its rows give the columns of the result
};

/// out[a * row_stride + b * column_stride] = start + sum over m, k of left_m[a][k] right_m[b][k]: a product with a
/// transposed matrix, by dot products. A tile of A x B rows shares its loads.
template <class T, int Products>
void multiply_transposed(Index rows, Index columns, Index length, const RowPair<T> (&products)[Products],
                         OutputMode mode, T* out, Index row_stride, Index column_stride) {
  with_lanes_for<T>(length, [&]<int Lanes>() {
    using V = Simd<T, Lanes>;
    const Index fresh = length % Lanes;  // lanes of a row's last vector that the one before does not cover
    // The right factor is usually the larger: four of its rows serve all rows of the left before the next four are
    // read.
    for_each_group<4>(columns, [&]<int B>(Index b0) {
      for_each_group<detail::many_registers ? 5 : 3>(rows, [&]<int A>(Index a0) {
        typename V::Vector sum[A][B];
        for (auto& row : sum) {
          for (auto& value : row) value = typename V::Vector{};
        }
        for (const RowPair<T>& product : products) {
          const T* left = product.left + a0 * length;
          const T* right = product.right + b0 * length;
          const auto step = [&](Index k, bool masked) HYPERTAPE_ALWAYS_INLINE_LAMBDA {
            typename V::Vector l[A];
            for (int a = 0; a < A; ++a) {
              l[a] = V::load(left + a * length + k);
              if (masked) l[a] = V::last_lanes(l[a], fresh);
              V::keep_in_register(l[a]);
            }
            for (int b = 0; b < B; ++b) {
              auto r = V::load(right + b * length + k);
              if (masked) r = V::last_lanes(r, fresh);
              V::keep_in_register(r);
              for (int a = 0; a < A; ++a) V::add_product(sum[a][b], l[a], r);
            }
          };
          Index k = 0;
          for (; k + Lanes <= length; k += Lanes) step(k, false);
          if (k < length) step(length - Lanes, true);
        }
        for (int a = 0; a < A; ++a) {
          T totals[B];
          V::sums(sum[a], totals);
          for (int b = 0; b < B; ++b) {
            T& to = out[(a0 + a) * row_stride + (b0 + b) * column_stride];
            to = totals[b] + (mode == OutputMode::accumulate ? to : T(0));
          }
        }
      });
    });
  });
}

/// Rows and their coefficients: coefficient (r, s) is at factors[r * row_stride + s * term_stride], row s at rows + s *
/// length_stride.
template <class T>
struct RowCombination {
  const T* factors;     ///< the coefficients
  Index row_stride;     ///< from a row's coefficient to the next row's
  Index term_stride;    ///< from a term's coefficient to the next term's
  const T* rows;        ///< the rows to sum
  Index length_stride;  ///< from one row to the next
};

/// out[r][k] = start + sum over m, s < terms of coefficient_m(r, s) rows_m[s][k], for `count` rows of `length`
/// contiguous values: a product by sums of rows, with one factor transposed or not.
template <class T, int Products>
void combine_rows(Index count, Index length, Index terms, const RowCombination<T> (&products)[Products],
                  OutputMode mode, T* out) {
  constexpr int most_rows = detail::many_registers ? 5 : 4;
  constexpr int most_vectors = detail::many_registers ? 5 : 3;
  constexpr Index large = Index{1} << 20;  // bytes; more than a second-level cache can spare
  with_lanes_for<T>(length, [&]<int Lanes>() {
    using V = Simd<T, Lanes>;
    const auto tile = [&]<int R, int Vectors>(Index r0, const Index(&at)[Vectors], Range range) {
      T* to = out + r0 * length;
      const bool accumulate = mode == OutputMode::accumulate || range.begin > 0;
      typename V::Vector sum[R][Vectors];
      for (int r = 0; r < R; ++r) {
        for (int v = 0; v < Vectors; ++v) {
          sum[r][v] = accumulate ? V::load(to + r * length + at[v]) : typename V::Vector{};
        }
      }
      for (const RowCombination<T>& product : products) {
        const T* factors[R];
        for (int r = 0; r < R; ++r) {
          factors[r] = product.factors + (r0 + r) * product.row_stride + range.begin * product.term_stride;
        }
        const T* row = product.rows + range.begin * product.length_stride;
        for (Index s = range.begin; s < range.end; ++s, row += product.length_stride) {
          typename V::Vector x[Vectors];
          for (int v = 0; v < Vectors; ++v) x[v] = V::load(row + at[v]);
          for (int r = 0; r < R; ++r) {
            const auto factor = V::broadcast(*factors[r]);
            factors[r] += product.term_stride;
            for (int v = 0; v < Vectors; ++v) V::add_product(sum[r][v], factor, x[v]);
          }
        }
      }
      for (int r = 0; r < R; ++r) {
        for (int v = 0; v < Vectors; ++v) V::store(to + r * length + at[v], sum[r][v]);
      }
    };
    if (count > terms) {  // a large result, such as a weight gradient, is written row by row
      for_each_group<most_rows>(count, [&]<int R>(Index r0) {
        for_each_vector_group<most_vectors, Lanes>(length, [&]<int Vectors>(const Index(&at)[Vectors]) {
          tile.template operator()<R, Vectors>(r0, at, {0, terms});
        });
      });
    } else {  // a strip of columns serves every group of rows; terms that exceed the caches come a few at a time
      const Index at_once = terms * length * static_cast<Index>(sizeof(T)) > large ? 16 : terms;
      for (Index first = 0; first < terms; first += at_once) {
        const Range range{first, (std::min)(terms, first + at_once)};
        for_each_vector_group<most_vectors, Lanes>(length, [&]<int Vectors>(const Index(&at)[Vectors]) {
          // One vector needs more rows: two multiply-adds begin in each cycle and take four.
          constexpr int rows = Vectors == 1 && Lanes == native_lanes<T> && detail::many_registers ? 8 : most_rows;
          for_each_group<rows>(count, [&]<int R>(Index r0) { tile.template operator()<R, Vectors>(r0, at, range); });
        });
      }
    }
  });
}

}  // namespace hypertape::inline HYPERTAPE_ABI::kernels::matrix

#pragma GCC diagnostic pop
