#pragma once

#include <cstdint>
#include <type_traits>

#include "hypertape/kernels/simd.hpp"

namespace hypertape::inline HYPERTAPE_ABI::kernels {

/// An integer offset as wide as T, so that the mask of a comparison of values can select offsets too.
template <class T>
using ArgMaxOffset = std::conditional_t<sizeof(T) == 8, std::int64_t, std::int32_t>;

/// The largest value seen in each lane, and its offset.
template <class T, int Lanes>
struct ArgMax {
  typename Simd<T, Lanes>::Vector value;             ///< the largest so far
  typename Simd<ArgMaxOffset<T>, Lanes>::Vector at;  ///< its offset

  /// Takes the next candidate. Of equal values the first is kept, and a NaN wins over every number, as in PyTorch.
  HYPERTAPE_ALWAYS_INLINE void take(const ArgMax& next) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wfloat-equal"  // only a NaN differs from itself, and this works on vectors
    const auto better = (next.value > value) | (next.value != next.value);
#pragma GCC diagnostic pop
    value = better ? next.value : value;
    at = better ? next.at : at;
  }
};

}  // namespace hypertape::inline HYPERTAPE_ABI::kernels
