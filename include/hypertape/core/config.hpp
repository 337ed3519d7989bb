#pragma once

/// Every macro of the library is defined here.

/// The library's version. It is stated only here: CMake reads these three lines.
#define HYPERTAPE_VERSION_MAJOR 0
#define HYPERTAPE_VERSION_MINOR 10
#define HYPERTAPE_VERSION_PATCH 0
/// The same as text, "major.minor.patch".
#define HYPERTAPE_VERSION HYPERTAPE_TEXT_OF(HYPERTAPE_VERSION_MAJOR.HYPERTAPE_VERSION_MINOR.HYPERTAPE_VERSION_PATCH)
#define HYPERTAPE_TEXT_OF(...) HYPERTAPE_TEXT(__VA_ARGS__)
#define HYPERTAPE_TEXT(...) #__VA_ARGS__

#if __cplusplus < 202002L
#error "hypertape is written in C++20: compile with -std=c++20 or later"
#endif

#if !defined(__cpp_exceptions)
#error "hypertape reports errors by exceptions: compile without -fno-exceptions"
#endif

#if defined(__FAST_MATH__)
#error "hypertape checks for NaN and keeps the order of sums: compile without -ffast-math"
#elif defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__
#error "hypertape checks for NaN: compile without -ffinite-math-only"
#elif defined(__ASSOCIATIVE_MATH__)
#error "hypertape keeps the order of sums: compile without -fassociative-math (-funsafe-math-optimizations)"
#endif

/// Bytes of one SIMD register of the compiler's target.
#if defined(__AVX512F__)
#define HYPERTAPE_VECTOR_BYTES 64
#elif defined(__AVX__)
#define HYPERTAPE_VECTOR_BYTES 32
#else
#define HYPERTAPE_VECTOR_BYTES 16
#endif

/// Whether to fuse products and sums by hand. For some x86 targets g++ fuses a b + c in only some chains of sums, or in
/// none, so that a sum's bits depended on the shape of its block; for other targets it fuses everywhere.
#if defined(__GNUC__) && !defined(__clang__) && defined(__FMA__)
#define HYPERTAPE_FUSE_BY_HAND 1
#else
#define HYPERTAPE_FUSE_BY_HAND 0
#endif

/// Micro-kernels must be inlined into the loop that fixes their template sizes, or their accumulators leave the
/// registers.
#define HYPERTAPE_ALWAYS_INLINE inline __attribute__((always_inline))
#define HYPERTAPE_ALWAYS_INLINE_LAMBDA __attribute__((always_inline))

#if defined(_OPENMP)
#define HYPERTAPE_HAS_OPENMP 1
#else
#define HYPERTAPE_HAS_OPENMP 0
#endif

/// Whether every use of a Var checks that its tape has not been rewound past it. The cost is too small to measure. With
/// 0, using such a Var is undefined behavior.
#if !defined(HYPERTAPE_CHECK_VARS)
#define HYPERTAPE_CHECK_VARS 1
#endif

/// Whether the system has fork(), which copies a process without its threads.
#if defined(__unix__) || defined(__APPLE__)
#define HYPERTAPE_HAS_FORK 1
#else
#define HYPERTAPE_HAS_FORK 0
#endif

/// The inline namespace of hypertape that holds everything but the exceptions. Its name lists what changes the code:
/// objects built for different vector widths, or with and without OpenMP, can be linked into one program, and each
/// calls its own version. Users never write the name; headers do, even for nested namespaces, because compilers
/// disagree on what `namespace hypertape::kernels` would reopen. A library that takes a Tensor and was built
/// differently does not link.
#if defined(__FMA__)
#define HYPERTAPE_HAS_FMA 1
#else
#define HYPERTAPE_HAS_FMA 0
#endif
#define HYPERTAPE_PASTE(major, minor, vector, fma, fused, openmp, vars) \
  v##major##_##minor##_##vector##_##fma##fused##openmp##vars
#define HYPERTAPE_EXPAND(...) HYPERTAPE_PASTE(__VA_ARGS__)
#define HYPERTAPE_ABI                                                                                           \
  HYPERTAPE_EXPAND(HYPERTAPE_VERSION_MAJOR, HYPERTAPE_VERSION_MINOR, HYPERTAPE_VECTOR_BYTES, HYPERTAPE_HAS_FMA, \
                   HYPERTAPE_FUSE_BY_HAND, HYPERTAPE_HAS_OPENMP, HYPERTAPE_CHECK_VARS)
