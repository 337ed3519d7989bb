#!/usr/bin/env bash
# The worker team's tests under the thread sanitizer: tsan.sh TESTS WORK OPTION ... with $CXX, a Clang. All threads of the
# library are the team's. scripts/tsan.sh says how, and does it for more. Exit code 77: left out.
set -euo pipefail
tests=$1 work=$2
shift 2
archer=$("$CXX" -print-resource-dir)/../../libarcher.so
[ -f "$archer" ] || { echo "left out: there is no libarcher.so, which comes with LLVM's OpenMP runtime"; exit 77; }
mkdir -p "$work"
"$CXX" -std=c++20 -O1 -g1 -fsanitize=thread -fopenmp -I "$tests" "$@" "$tests/main.cpp" "$tests/core/parallel.cpp" -o "$work/parallel"
OMP_TOOL_LIBRARIES=$archer TSAN_OPTIONS=ignore_noninstrumented_modules=1 OMP_NUM_THREADS=4 "$work/parallel"
