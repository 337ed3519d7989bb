#!/usr/bin/env bash
# Builds and runs the tests; test.sh --help has the options. Installs the packages that it needs. The last line counts the
# tests.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
  cat <<END
usage: scripts/test.sh [--all]
  Without options: every test with g++, optimized; warnings are errors.
  --all  what CI runs: also every test with clang++ under the address and undefined-behavior sanitizers, with clang-tidy,
         the thread sanitizer and the fuzzers' seeds; core and unroll without OpenMP; the headers with the newest clang++
         that there is a package of
END
}
all=
case ${1:-} in
  '') ;;
  --all) all=1 ;;
  --help | -h) usage; exit 0 ;;
  *) usage >&2; exit 2 ;;
esac
[ $# -le 1 ] || { usage >&2; exit 2; }

scripts/install.sh cmake make g++ libeigen3-dev doctest-dev libcli11-dev nlohmann-json3-dev zlib1g-dev libpng-dev \
  libjpeg-dev libzip-dev libcairo2-dev libmatio-dev pkg-config libbenchmark-dev python3 clang-format doxygen libopenmpi-dev openmpi-bin
if [ -n "$all" ]; then
  scripts/install.sh clang clang-tidy
  clang=$(clang++ -dumpversion | cut -d. -f1)
  scripts/install.sh "libomp-$clang-dev" "libclang-rt-$clang-dev"
  newest=$(apt-cache search '^clang-[0-9]+$' 2>/dev/null | sed -E 's/^clang-([0-9]+) .*/\1/' | sort -n | tail -n 1)
  [ -z "$newest" ] || scripts/install.sh "clang-$newest"
fi

passed=0
failed=0
# run NAME PRESET TESTS LEFT_OUT OPTION ...: configure, build and test one configuration in a folder of its own. TESTS are
# folders of tests, '' for all; LEFT_OUT is an expression for names of tests that do not run.
run() {
  local name=$1 preset=$2 tests=$3 without=$4 log
  shift 4
  echo "== $name"
  cmake --preset "$preset" -B "build/test-$name" -DHYPERTAPE_WARNINGS_AS_ERRORS=ON "$@" >/dev/null
  if [[ " $* " != *" -DHYPERTAPE_OPENMP=OFF "* ]] && grep -q '^OpenMP_CXX_FLAGS:[A-Z]*=NOTFOUND' "build/test-$name/CMakeCache.txt"; then
    echo "test.sh: the compiler of $name has no OpenMP, so that no test would run threads" >&2
    exit 1
  fi
  local targets=()
  [ -z "$tests" ] || read -ra targets <<<"--target test_${tests// / test_}"
  cmake --build "build/test-$name" ${targets[@]+"${targets[@]}"} --parallel "$(nproc)" -- --no-print-directory |
    grep -vE '^\[ *[0-9]+%\]' || true
  cmake --build "build/test-$name" ${targets[@]+"${targets[@]}"} >/dev/null
  log=$(mktemp)
  ctest --test-dir "build/test-$name" --output-on-failure --parallel "$(nproc)" \
    ${tests:+--tests-regex "^(${tests// /|})/"} --exclude-regex "$without" | tee "$log" || true
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
check() {  # check NAME COMMAND ...: one test more
  echo "== $1"
  if "${@:2}"; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "$1 failed"; fi
}

# -O1 for all but the kernels, which are what optimization is for: -O3 takes a compiler half as long again. The examples
# as an outside project's, which compiles all that they use, take as long as all other tests.
outside_examples='^consumer/examples$'
[ -z "$all" ] || outside_examples='^$'
run gcc release '' "$outside_examples" -DCMAKE_CXX_COMPILER=g++ -DCMAKE_CXX_FLAGS_RELEASE="-O1 -DNDEBUG"
if [ -n "$all" ]; then
  # What no compiler has a say in has run by now.
  run clang-sanitizers asan '' '^(docs|style|scripts)/|^consumer/(fetch_content|pkg_config|refusals)$' \
    -DCMAKE_CXX_COMPILER=clang++
  run no-openmp asan 'core unroll' tsan -DCMAKE_CXX_COMPILER=clang++ -DHYPERTAPE_OPENMP=OFF -DHYPERTAPE_BUILD_TOOL=OFF \
    -DCMAKE_CXX_FLAGS_RELWITHDEBINFO=-O0  # sanitized it was above
  if [ -n "$newest" ]; then
    check "headers with clang++-$newest" env "CXX=clang++-$newest" tests/headers/warnings.sh include \
      tests/consumer/distill build/test-newest $(pkg-config --cflags-only-I eigen3)
  fi
fi

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
