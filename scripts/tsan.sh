#!/usr/bin/env bash
# Runs the tests that use threads under Clang's thread sanitizer.
#
# The sanitizer does not see into OpenMP's runtime, and takes whatever runs before and after a parallel region for a
# race. LLVM's runtime can tell it of forks and joins through a library of its own, Archer. What the workers do in
# between is synchronized by std::atomic alone (core/parallel.hpp), which the sanitizer knows.
#
# The sanitizer has an operator new of its own beside the one that counts allocations, which the linker is told to accept
# (CMakePresets.json); the test that counts is left out.
set -euo pipefail
cd "$(dirname "$0")/.."

archer=$(clang++ -print-resource-dir)/../../libarcher.so
[ -f "$archer" ] || { echo "tsan.sh: needs libarcher.so, which comes with LLVM's OpenMP runtime" >&2; exit 1; }
cmake --preset tsan >/dev/null
cmake --build build/tsan --parallel "$(nproc)" --target test_core test_unroll
OMP_TOOL_LIBRARIES=$archer TSAN_OPTIONS=ignore_noninstrumented_modules=1 OMP_NUM_THREADS=4 \
  ctest --preset tsan --tests-regex '^(core|unroll)/' --exclude-regex unroll/allocations
