#pragma once

#include <cstring>

#include "hypertape/core/shape.hpp"
#include "hypertape/kernels/simd.hpp"

/// Loops over every element, in memory order.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion"  // of g++ for the bound of an array that is a template's int

namespace hypertape::inline HYPERTAPE_ABI::kernels {

/// out[i] = f(a[i]); the compiler vectorizes it if it can.
template <class T, class F>
void map(Index count, const T* a, T* out, const F& f) {
  for (Index i = 0; i < count; ++i) out[i] = f(a[i]);
}

/// out[i] = f(a[i], b[i]).
template <class T, class F>
void map(Index count, const T* a, const T* b, T* out, const F& f) {
  for (Index i = 0; i < count; ++i) out[i] = f(a[i], b[i]);
}

/// The same for an f of whole vectors, which gives each lane the same bits wherever it stands.
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
