#!/usr/bin/env bash
# Runs the tests that use threads under Clang's thread sanitizer.
#
# The sanitizer cannot see into OpenMP's runtime, and would report a race between code before, in and after a parallel
# region. LLVM's runtime can tell it about forks and joins through a library, Archer. Between these, workers synchronize
# only by std::atomic (core/parallel.hpp), which the sanitizer understands.
#
# The sanitizer has its own operator new next to the one that counts allocations; the linker is told to accept both
# (CMakePresets.json), and the test that counts is excluded.
set -euo pipefail
cd "$(dirname "$0")/.."

archer=$(clang++ -print-resource-dir)/../../libarcher.so
[ -f "$archer" ] || { echo "tsan.sh: needs libarcher.so, which comes with LLVM's OpenMP runtime" >&2; exit 1; }
cmake --preset tsan >/dev/null
cmake --build build/tsan --parallel "$(nproc)" --target test_core test_unroll
OMP_TOOL_LIBRARIES=$archer TSAN_OPTIONS=ignore_noninstrumented_modules=1 OMP_NUM_THREADS=4 \
  ctest --preset tsan --tests-regex '^(core|unroll)/' --exclude-regex unroll/allocations
