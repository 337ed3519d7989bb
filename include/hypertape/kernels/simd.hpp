#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "hypertape/core/config.hpp"
#include "hypertape/core/shape.hpp"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion"  // g++ warns about array bounds that are int template parameters

namespace hypertape::inline HYPERTAPE_ABI::kernels {

/// SIMD vectors by the compiler's vector extension: portable, and naturally aligned so that accumulators stay in
/// registers. Memory is accessed with memcpy, which compiles to one unaligned move.
template <class T, int Lanes>
struct Simd {
  typedef T Vector __attribute__((vector_size(sizeof(T) * Lanes)));  ///< one register, or a part or multiple of one

  /// Loads the lanes from memory of any alignment.
  static HYPERTAPE_ALWAYS_INLINE Vector load(const T* from) {
    Vector v;
    std::memcpy(&v, from, sizeof v);
    return v;
  }
  /// Stores the lanes to memory of any alignment.
  static HYPERTAPE_ALWAYS_INLINE void store(T* to, Vector v) { std::memcpy(to, &v, sizeof v); }

  /// One value in all lanes.
  static HYPERTAPE_ALWAYS_INLINE Vector broadcast(T value) { return value - Vector{}; }

  /// Makes g++ keep v in a register; otherwise it reloads a value shared by few products from memory for each of them.
  static HYPERTAPE_ALWAYS_INLINE void keep_in_register([[maybe_unused]] Vector& v) {
#if HYPERTAPE_FUSE_BY_HAND
    if constexpr (sizeof(Vector) >= 16 && sizeof(Vector) <= HYPERTAPE_VECTOR_BYTES) asm("" : "+v"(v));
#endif
  }

  /// sum += a b, rounded once if the target has such an instruction, regardless of the surrounding loop.
  static HYPERTAPE_ALWAYS_INLINE void add_product(Vector& sum, Vector a, Vector b) {
#if HYPERTAPE_FUSE_BY_HAND
    sum = fused(a, b, sum);
#else
    sum = a * b + sum;
#endif
  }

  /// v in the last `count` lanes, and 0 in the others regardless of their values; multiplying by 0 would keep a NaN and
  /// turn an infinity into one.
  static HYPERTAPE_ALWAYS_INLINE Vector last_lanes(Vector v, Index count) {
    return iota() >= broadcast(static_cast<T>(Lanes - count)) ? v : Vector{};
  }

  /// 0, 1, 2, ...
  static HYPERTAPE_ALWAYS_INLINE Vector iota() {
    T lanes[Lanes];
    for (int i = 0; i < Lanes; ++i) lanes[i] = static_cast<T>(i);
    return load(lanes);
  }

  /// The sum of the lanes, by halves: first (v0 + v_half) and so on.
  static HYPERTAPE_ALWAYS_INLINE T sum(Vector v) {
    if constexpr (Lanes == 1) {
      return v[0];
    } else {
      return Simd<T, Lanes / 2>::sum(half<0>(v) + half<Lanes / 2>(v));
    }
  }

  /// to[i] = sum(v[i]), with the same bits, for Count vectors: each step adds the halves of two vectors at once, so
  /// that 16 sums take a third of the instructions.
  template <int Count>
  static HYPERTAPE_ALWAYS_INLINE void sums(const Vector (&v)[Count], T (&to)[Count]) {
    if constexpr (Count <= Lanes) {
      const Vector totals = sums_of_parts<Lanes>(v);
      std::memcpy(to, &totals, sizeof to);
    } else {
      for (int i = 0; i < Count; ++i) to[i] = sum(v[i]);
    }
  }

  /// The even-numbered lanes of a, then those of b.
  static HYPERTAPE_ALWAYS_INLINE Vector even(Vector a, Vector b) { return every_other<0>(a, b); }
  /// The odd-numbered lanes of a, then those of b.
  static HYPERTAPE_ALWAYS_INLINE Vector odd(Vector a, Vector b) { return every_other<1>(a, b); }

  /// Transposes: lane j of vector i goes to lane i of vector j. Each round rotates the bits of an element's place,
  /// which are the bits of its vector above the bits of its lane, by one.
  static HYPERTAPE_ALWAYS_INLINE void transpose(Vector (&rows)[Lanes]) {
    for (int round = 1; round < Lanes; round *= 2) {
      Vector turned[Lanes];
      for (int i = 0; i < Lanes / 2; ++i) {
        turned[i] = even(rows[2 * i], rows[2 * i + 1]);
        turned[i + Lanes / 2] = odd(rows[2 * i], rows[2 * i + 1]);
      }
      for (int i = 0; i < Lanes; ++i) rows[i] = turned[i];
    }
  }

 private:
#if HYPERTAPE_FUSE_BY_HAND
  /// a b + c, rounded once. It names the instruction because g++ turns std::fma on each lane into one only in small
  /// loops; in register blocks it computed lanes one by one, six times as slowly.
  static HYPERTAPE_ALWAYS_INLINE Vector fused(Vector a, Vector b, Vector c) {
    constexpr bool single = sizeof(T) == 4;
#if defined(__AVX512F__)
    constexpr int current_rounding = 4;
    constexpr int all_lanes = single ? -1 : 0xFF;  // in the mask's type, signed or not
    if constexpr (sizeof(Vector) == 64 && single) {
      return __builtin_ia32_vfmaddps512_mask(a, b, c, all_lanes, current_rounding);
    } else if constexpr (sizeof(Vector) == 64) {
      return __builtin_ia32_vfmaddpd512_mask(a, b, c, all_lanes, current_rounding);
    } else
#endif
        if constexpr (sizeof(Vector) == 32 && single) {
      return __builtin_ia32_vfmaddps256(a, b, c);
    } else if constexpr (sizeof(Vector) == 32) {
      return __builtin_ia32_vfmaddpd256(a, b, c);
    } else if constexpr (sizeof(Vector) == 16 && single) {
      return __builtin_ia32_vfmaddps(a, b, c);
    } else if constexpr (sizeof(Vector) == 16) {
      return __builtin_ia32_vfmaddpd(a, b, c);
    } else {
      for (int i = 0; i < Lanes; ++i) c[i] = std::fma(a[i], b[i], c[i]);
      return c;
    }
  }
#endif

  /// The sum of each part of `Part` lanes, of the first vector's parts, then of the second's, and so on.
  template <int Part, int Count>
  static HYPERTAPE_ALWAYS_INLINE Vector sums_of_parts(const Vector (&v)[Count]) {
    if constexpr (Part == 1) {
      static_assert(Count == 1);
      return v[0];
    } else {
      Vector halved[(Count + 1) / 2];
      for (int i = 0; i < Count; i += 2) {
        const Vector next = v[(std::min)(i + 1, Count - 1)];
        halved[i / 2] = halves<Part, 0>(v[i], next) + halves<Part, Part / 2>(v[i], next);
      }
      return sums_of_parts<Part / 2>(halved);
    }
  }
  /// From lane First of each part of `Part` lanes, half a part: those of a, then those of b.
  template <int Part, int First>
  static HYPERTAPE_ALWAYS_INLINE Vector halves(Vector a, Vector b) {
    return [&]<int... Lane>(std::integer_sequence<int, Lane...>) HYPERTAPE_ALWAYS_INLINE_LAMBDA {
      constexpr int half_part = Part / 2;
      return __builtin_shufflevector(a, b, (Lane / half_part * Part + First + Lane % half_part)...);
    }
    (std::make_integer_sequence<int, Lanes>());
  }
  template <int First>
  static HYPERTAPE_ALWAYS_INLINE auto half(Vector v) {
    return [&]<int... Lane>(std::integer_sequence<int, Lane...>) HYPERTAPE_ALWAYS_INLINE_LAMBDA {
      return __builtin_shufflevector(v, v, (First + Lane)...);
    }
    (std::make_integer_sequence<int, Lanes / 2>());
  }
  template <int First>
  static HYPERTAPE_ALWAYS_INLINE Vector every_other(Vector a, Vector b) {
    return [&]<int... Lane>(std::integer_sequence<int, Lane...>) HYPERTAPE_ALWAYS_INLINE_LAMBDA {
      return __builtin_shufflevector(a, b, (First + 2 * Lane)...);
    }
    (std::make_integer_sequence<int, Lanes>());
  }
};

/// Returns the same pointer, but hides its origin from the compiler. It then computes addresses from this pointer
/// rather than from sums of loop invariants, which would not fit in the registers.
template <class T>
HYPERTAPE_ALWAYS_INLINE T* opaque(T* pointer) {
  asm("" : "+r"(pointer));
  return pointer;
}

/// Lanes of one register of the target.
template <class T>
inline constexpr int native_lanes = HYPERTAPE_VECTOR_BYTES / static_cast<int>(sizeof(T));

/// Calls `body.template operator()<Lanes>()` with vectors that a run of `length` values fills at least once: the
/// target's full width, a quarter of it, or single values. Loops can then end with an overlapping vector instead of a
/// scalar tail.
template <class T, class Body>
void with_lanes_for(Index length, const Body& body) {
  constexpr int native = native_lanes<T>, narrow = (std::max)(1, native / 4);
  if (length >= native) return body.template operator()<native>();
  if (length >= narrow) return body.template operator()<narrow>();
  if constexpr (narrow > 1) body.template operator()<1>();
}

/// Calls `body.template operator()<Lanes>()` with the smallest power of two >= count, or Max if that is smaller.
template <int Max, class Body>
void with_power_of_two(Index count, const Body& body) {
  if constexpr (Max > 1) {
    if (2 * count <= Max) return with_power_of_two<Max / 2>(count, body);
  }
  body.template operator()<Max>();
}

/// Calls `body.template operator()<Count>()` with the given count in 1 .. Max.
template <int Max, class Body>
HYPERTAPE_ALWAYS_INLINE void with_count(Index count, const Body& body) {
  if constexpr (Max > 1) {
    if (count < Max) return with_count<Max - 1>(count, body);
  }
  body.template operator()<Max>();
}

/// Cuts 0 .. count - 1 into groups of nearly equal size, at most Most, and calls `body.operator()<Size>(first)` for
/// each.
template <int Most, class Body>
HYPERTAPE_ALWAYS_INLINE void for_each_group(Index count, const Body& body) {
  for (Index first = 0; first < count;) {
    const Index groups_left = (count - first + Most - 1) / Most;
    const Index size = (count - first + groups_left - 1) / groups_left;
    with_count<Most>(size, [&]<int Size>() { body.template operator()<Size>(first); });
    first += size;
  }
}

/// Covers a run of `length` >= Lanes values with vectors, in groups of 1 to Widest, and calls body with the offsets
/// `at` of each group (a C array). Where Lanes does not divide the run, its last vector overlaps the one before. Groups
/// have nearly equal sizes, so these two are always in the same group: a body that loads everything before it stores
/// may also accumulate.
template <int Widest, int Lanes, class Body>
HYPERTAPE_ALWAYS_INLINE void for_each_vector_group(Index length, const Body& body) {
  static_assert(Widest >= 3 || Lanes == 1, "groups of 2 could leave the last vector alone, apart from its neighbor");
  for_each_group<Widest>((length + Lanes - 1) / Lanes, [&]<int Vectors>(Index first) HYPERTAPE_ALWAYS_INLINE_LAMBDA {
    Index at[Vectors];
    for (int v = 0; v < Vectors; ++v) at[v] = (std::min)((first + v) * Lanes, length - Lanes);
    body(at);
  });
}

}  // namespace hypertape::inline HYPERTAPE_ABI::kernels

#pragma GCC diagnostic pop
