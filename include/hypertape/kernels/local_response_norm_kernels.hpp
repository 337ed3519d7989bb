#pragma once

#include <Eigen/Core>
#include <algorithm>

#include "hypertape/kernels/output_mode.hpp"
#include "hypertape/kernels/simd.hpp"

/// The loops of local response normalization.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion"  // g++ warns about array bounds that are int template parameters

namespace hypertape::inline HYPERTAPE_ABI::kernels {

/// Where channel_window_sum multiplies by a: in each term, by its own channel, or after the sum, by the output's
/// channel.
enum class Weigh { terms, sums };

/// For each channel c, sums over the channels j = c - before .. c + after that lie within 0 .. C - 1:
///
///     Weigh::terms    out[c] = factor sum over j of a[j] b[j]
///     Weigh::sums     out[c] = factor a[c] sum over j of b[j]
///
/// where a channel is `each` contiguous values. The sums are kept in registers.
template <Weigh weigh, class T>
void channel_window_sum(Index C, Index each, Index before, Index after, T factor, const T* a, const T* b,
                        OutputMode mode, T* out) {
  with_lanes_for<T>(each, [&]<int Lanes>() {
    using V = Simd<T, Lanes>;
    for (Index c = 0; c < C; ++c) {
      const Index first = std::max<Index>(0, c - before), last = (std::min)(C - 1, c + after);
      for_each_vector_group<4, Lanes>(each, [&]<int Vectors>(const Index(&at)[Vectors]) {
        typename V::Vector sum[Vectors] = {}, result[Vectors];
        for (Index j = first; j <= last; ++j) {
          for (int v = 0; v < Vectors; ++v) {
            const typename V::Vector term = V::load(b + j * each + at[v]);
            if constexpr (weigh == Weigh::terms) {
              V::add_product(sum[v], term, V::load(a + j * each + at[v]));
            } else {
              sum[v] += term;
            }
          }
        }
        for (int v = 0; v < Vectors; ++v) {
          const Index offset = c * each + at[v];
          result[v] = factor * sum[v];
          if (weigh == Weigh::sums) result[v] *= V::load(a + offset);
          if (mode == OutputMode::accumulate) result[v] += V::load(out + offset);
        }
        for (int v = 0; v < Vectors; ++v) V::store(out + c * each + at[v], result[v]);
      });
    }
  });
}

/// out[i] = factor (k + d[i])^-exponent a(0)[i] a(1)[i] ... for finite k + d > 0 and arrays a(0) .. a(factors - 1).
template <class T, class Operand>
void power_product(Index count, T factor, T k, T exponent, const T* d, int factors, const Operand& a, T* out) {
  using Array = Eigen::Array<T, Eigen::Dynamic, 1>;
  constexpr Index chunk = 1024;  // stays in the first-level cache
  for (Index begin = 0; begin < count; begin += chunk) {
    const Index size = (std::min)(chunk, count - begin);
    const auto base = Eigen::Map<const Array>(d + begin, size) + k;
    Eigen::Map<Array> result(out + begin, size);
    result = base.sqrt();
    if (exponent == T(0.75)) {  // the usual exponent; the others below are those of its first and second derivatives
      result = factor / (result * result.sqrt());
    } else if (exponent == T(1.75)) {
      result = factor / (result * result.sqrt() * base);
    } else if (exponent == T(2.75)) {
      result = factor / (result * result.sqrt() * base * base);
    } else {
      result = factor * (-exponent * base.log()).exp();
    }
    for (int i = 0; i < factors; ++i) result *= Eigen::Map<const Array>(a(i) + begin, size);
  }
}

}  // namespace hypertape::inline HYPERTAPE_ABI::kernels

#pragma GCC diagnostic pop
