#pragma once

#include <cstring>

#include "hypertape/core/shape.hpp"
#include "hypertape/kernels/simd.hpp"

/// Loops over every element, in memory order.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion"  // g++ warns about array bounds that are int template parameters

namespace hypertape::inline HYPERTAPE_ABI::kernels {

/// out[i] = f(a[i]); vectorized by the compiler if possible.
template <class T, class F>
void map(Index count, const T* a, T* out, const F& f) {
  for (Index i = 0; i < count; ++i) out[i] = f(a[i]);
}

/// out[i] = f(a[i], b[i]).
template <class T, class F>
void map(Index count, const T* a, const T* b, T* out, const F& f) {
  for (Index i = 0; i < count; ++i) out[i] = f(a[i], b[i]);
}

/// out[i] = f(a[i]) for an f of whole vectors; the bits of an element do not depend on its lane.
template <class T, class F>
void map_vectors(Index count, const T* a, T* out, const F& f) {
  constexpr int lanes = native_lanes<T>;
  using V = Simd<T, lanes>;
  Index i = 0;
  for (; i + lanes <= count; i += lanes) V::store(out + i, f(V::load(a + i)));
  if (i == count) return;
  T rest[lanes] = {};
  const std::size_t bytes = static_cast<std::size_t>(count - i) * sizeof(T);
  std::memcpy(rest, a + i, bytes);
  V::store(rest, f(V::load(rest)));
  std::memcpy(out + i, rest, bytes);
}

}  // namespace hypertape::inline HYPERTAPE_ABI::kernels

#pragma GCC diagnostic pop
