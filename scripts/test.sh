#!/usr/bin/env bash
# Builds and runs the tests; test.sh --help has the options. Installs the packages that it needs. The last line counts the
# tests.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
  cat <<END
usage: scripts/test.sh [--all]
  Without options: format and docs, then the tests with g++, optimized; warnings are errors.
  --all  what CI runs: also the programs of outside projects and the packages, each compiled from nothing; the steps
         tidy and tsan (clang-tidy and the thread sanitizer); every test with clang++ under the address and undefined-behavior
         sanitizers, with the fuzzers' seeds; core and unroll without OpenMP; the headers with the newest clang++ that
         there is a package of
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
  libjpeg-dev libzip-dev libcairo2-dev libmatio-dev pkg-config libbenchmark-dev python3 clang-format doxygen libopenmpi-dev openmpi-bin \
  pybind11-dev python3-dev python3-numpy python3-pytest python3-venv
if [ -n "$all" ]; then
  scripts/install.sh clang clang-tidy chromium
  clang=$(clang++ -dumpversion | cut -d. -f1)
  scripts/install.sh "libomp-$clang-dev" "libclang-rt-$clang-dev"
  newest=$(apt-cache search '^clang-[0-9]+$' 2>/dev/null | sed -E 's/^clang-([0-9]+) .*/\1/' | sort -n | tail -n 1)
  [ -z "$newest" ] || scripts/install.sh "clang-$newest"
fi

passed=0
failed=0
# configure NAME PRESET OPTION ...: one configuration, in the folder build/test-NAME.
configure() {
  local name=$1 preset=$2
  shift 2
  cmake --preset "$preset" -B "build/test-$name" -DHYPERTAPE_WARNINGS_AS_ERRORS=ON "$@" >/dev/null
  if [[ " $* " != *" -DHYPERTAPE_OPENMP=OFF "* ]] && grep -q '^OpenMP_CXX_FLAGS:[A-Z]*=NOTFOUND' "build/test-$name/CMakeCache.txt"; then
    echo "test.sh: the compiler of $name has no OpenMP, so that no test would run threads" >&2
    exit 1
  fi
}
# run_tests TITLE NAME OPTION ...: the tests of configuration NAME that ctest's options choose.
run_tests() {
  local title=$1 name=$2 log total bad left_out
  shift 2
  echo "== $title"
  log=$(mktemp)
  ctest --test-dir "build/test-$name" --output-on-failure --parallel "$(nproc)" "$@" | tee "$log" || true
  total=$(sed -nE 's/.* tests? failed out of ([0-9]+)$/\1/p' "$log")
  bad=$(sed -nE 's/.*, ([0-9]+) tests? failed out of [0-9]+$/\1/p' "$log")
  left_out=$(grep -c '\*\*\*Skipped' "$log" || true)
  rm -f "$log"
  [ -n "$total" ] && [ "$total" -gt 0 ] || { echo "test.sh: no test was run in $title" >&2; exit 1; }
  failed=$((failed + bad))
  passed=$((passed + total - bad - left_out))
  [ "$left_out" -eq 0 ] || echo "== $title: $left_out left out, as something that they need is missing"
}
# run NAME TESTS LEFT_OUT: builds and tests what was configured. TESTS are folders of tests, '' for all; LEFT_OUT is an
# expression for names of tests that do not run here.
run() {
  local name=$1 tests=$2 without=$3 targets=()
  echo "== build $name"
  [ -z "$tests" ] || read -ra targets <<<"--target test_${tests// / test_}"
  cmake --build "build/test-$name" ${targets[@]+"${targets[@]}"} --parallel "$(nproc)" -- --no-print-directory |
    grep -vE '^\[ *[0-9]+%\]' || true
  cmake --build "build/test-$name" ${targets[@]+"${targets[@]}"} >/dev/null
  run_tests "$name" "$name" ${tests:+--tests-regex "^(${tests// /|})/"} --exclude-regex "$without"
}
finish() {
  echo "$passed passed, $failed failed"
  [ "$failed" -eq 0 ] || exit 1
  exit 0
}
check() {  # check NAME COMMAND ...: one test more
  echo "== $1"
  if "${@:2}"; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "$1 failed"; fi
}

# -O1 for all but the kernels, which are what optimization is for: -O3 takes a compiler half as long again.
configure gcc release -DCMAKE_CXX_COMPILER=g++ -DCMAKE_CXX_FLAGS_RELEASE="-O1 -DNDEBUG"
# These compile all that they use, which takes as long as half of the other tests.
left_out='consumer/.*|linking|packaging/(deb|vcpkg|conan)|headers/hostile_macros'
# What needs no program of ours comes first; nothing is built for what fails here.
docs='docs/(snippets|api|references|reference)'
run_tests format gcc --tests-regex '^style/format$'
run_tests docs gcc --tests-regex "^$docs\$"
if [ -n "$all" ]; then
  left_out='none'
  configure clang-sanitizers asan -DCMAKE_CXX_COMPILER=clang++
  run_tests tidy clang-sanitizers --tests-regex '^headers/tidy$'
  run_tests tsan clang-sanitizers --tests-regex '^core/tsan$'
fi
[ "$failed" -eq 0 ] || finish
run gcc '' "^(style/format|$docs|$left_out)\$"
if [ -n "$all" ]; then
  # What no compiler has a say in has run by now.
  run clang-sanitizers '' '^(docs|style|scripts|packaging)/|^(headers/tidy|core/tsan|tool/report_page)$|^consumer/(fetch_content|pkg_config|eigen|refusals)$'
  configure no-openmp asan -DCMAKE_CXX_COMPILER=clang++ -DHYPERTAPE_OPENMP=OFF -DHYPERTAPE_BUILD_TOOL=OFF \
    -DCMAKE_CXX_FLAGS_RELWITHDEBINFO=-O0  # sanitized it was above
  run no-openmp 'core unroll' tsan
  if [ -n "$newest" ]; then
    check "headers with clang++-$newest" env "CXX=clang++-$newest" tests/headers/warnings.sh include \
      tests/consumer/distill build/test-newest $(pkg-config --cflags-only-I eigen3)
  fi
fi

finish
