#!/usr/bin/env bash
# With options under which the library cannot work, the first error says so: refusals.sh OPTION ... with $CXX.
set -euo pipefail
bad=0

expect() {  # expect MESSAGE OPTION ...
  local message=$1 said first
  shift
  said=$(echo '#include <hypertape/hypertape.hpp>' | "$CXX" -fsyntax-only -Wfatal-errors "$@" -x c++ - 2>&1) &&
    { echo "compiles with ${*: -1}"; bad=1; return; }
  first=$(grep -m 1 'error:' <<<"$said") || true
  [[ $first == *"$message"* ]] || { echo "with ${*: -1} the first error is: $first"; bad=1; }
}

expect "compile without -fno-exceptions" "$@" -std=c++20 -fno-exceptions
expect "compile without -ffast-math" "$@" -std=c++20 -ffast-math
expect "compile without -ffast-math" "$@" -std=c++20 -Ofast
expect "compile without -ffinite-math-only" "$@" -std=c++20 -ffinite-math-only
if ! "$CXX" --version | grep -q clang; then  # which defines no macro for it
  expect "compile without -fassociative-math" "$@" -std=c++20 -funsafe-math-optimizations
  expect "compile without -fassociative-math" "$@" -std=c++20 -ffast-math -fno-finite-math-only
fi
expect "compile with -std=c++20" "$@" -std=c++17
exit $bad
