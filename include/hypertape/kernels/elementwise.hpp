#pragma once

#include "hypertape/core/shape.hpp"

/// Loops over every element, in memory order; the compiler vectorizes them.
namespace hypertape::inline HYPERTAPE_ABI::kernels {

/// out[i] = f(a[i]).
template <class T, class F>
void map(Index count, const T* a, T* out, const F& f) {
  for (Index i = 0; i < count; ++i) out[i] = f(a[i]);
}

/// out[i] = f(a[i], b[i]).
template <class T, class F>
void map(Index count, const T* a, const T* b, T* out, const F& f) {
  for (Index i = 0; i < count; ++i) out[i] = f(a[i], b[i]);
}

}  // namespace hypertape::inline HYPERTAPE_ABI::kernels
