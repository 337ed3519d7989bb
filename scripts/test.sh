#!/usr/bin/env bash
# Builds and runs every test, twice: with g++ optimised, and with clang++ under the address and undefined-behaviour
# sanitizers; warnings are errors in both. Installs the packages that it needs. The last line counts the tests.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/install.sh cmake make g++ clang libeigen3-dev doctest-dev libcli11-dev nlohmann-json3-dev zlib1g-dev \
  libpng-dev libjpeg-dev libzip-dev libmatio-dev pkg-config libbenchmark-dev python3 clang-format clang-tidy doxygen
clang=$(clang++ -dumpversion | cut -d. -f1)
scripts/install.sh "libomp-$clang-dev" "libclang-rt-$clang-dev"

passed=0
failed=0
run() {  # run NAME PRESET OPTION ...: configure, build and test one configuration in a folder of its own
  local name=$1 preset=$2 log
  shift 2
  echo "== $name"
  cmake --preset "$preset" -B "build/test-$name" -DHYPERTAPE_WARNINGS_AS_ERRORS=ON "$@" >/dev/null
  cmake --build "build/test-$name" --parallel "$(nproc)" -- --no-print-directory | grep -vE '^\[ *[0-9]+%\]' || true
  cmake --build "build/test-$name" >/dev/null
  log=$(mktemp)
  ctest --test-dir "build/test-$name" --output-on-failure --parallel "$(nproc)" | tee "$log" || true
  local total bad left_out
  total=$(sed -nE 's/.* tests? failed out of ([0-9]+)$/\1/p' "$log")
  bad=$(sed -nE 's/.*, ([0-9]+) tests? failed out of [0-9]+$/\1/p' "$log")
  left_out=$(grep -c '\*\*\*Skipped' "$log" || true)
  rm -f "$log"
  [ -n "$total" ] && [ "$total" -gt 0 ] || { echo "test.sh: no test was run in $name" >&2; exit 1; }
  failed=$((failed + bad))
  passed=$((passed + total - bad - left_out))
  [ "$left_out" -eq 0 ] || echo "== $name: $left_out left out, as something that they need is missing"
}

# -O1 for all but the kernels, which are what optimisation is for: -O3 takes a compiler half as long again. The examples
# are built and run by the test consumer/examples.
run gcc release -DCMAKE_CXX_COMPILER=g++ -DCMAKE_CXX_FLAGS_RELEASE="-O1 -DNDEBUG" -DHYPERTAPE_BUILD_EXAMPLES=OFF
run clang-sanitizers asan -DCMAKE_CXX_COMPILER=clang++

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
