#!/usr/bin/env bash
# Fuzzes the file readers with libFuzzer under the address and undefined-behavior sanitizers; fuzz.sh --help lists the
# options. A reader may return a value or throw a DataError or ShapeError; anything else is a finding.
set -euo pipefail
cd "$(dirname "$0")/.."
all=$(cd tests/fuzz && grep -l LLVMFuzzerTestOneInput ./*.cpp | sed -E 's/^\.\/(.*)\.cpp$/\1/' | xargs)

usage() {
  cat <<END
usage: scripts/fuzz.sh SECONDS [TARGET ...]
  SECONDS  for each target; as many run at once as there are processors
  TARGET   one of: $all (default: all)

Inputs that reach new code are kept in build/fuzz/corpus/TARGET for the next run. Exit code 1 means a finding, whose
input is in build/fuzz/findings/TARGET.
END
}
[ "${1:-}" != --help ] || { usage; exit 0; }
[[ ${1:-} =~ ^[1-9][0-9]*$ ]] || { usage >&2; exit 2; }
export seconds=$1
shift
for target in "$@"; do
  [[ " $all " == *" $target "* ]] || { echo "fuzz.sh: unknown target $target, expected one of: $all" >&2; exit 2; }
done
read -ra targets <<<"${*:-$all}"

scripts/install.sh cmake make clang libeigen3-dev doctest-dev libcli11-dev nlohmann-json3-dev zlib1g-dev libpng-dev \
  libjpeg-dev libzip-dev libcairo2-dev libmatio-dev pkg-config
clang=$(clang++ -dumpversion | cut -d. -f1)
scripts/install.sh "libomp-$clang-dev" "libclang-rt-$clang-dev"
cmake --preset fuzz >/dev/null
cmake --build build/fuzz --target fuzz_seeds "${targets[@]/#/fuzz_}" --parallel "$(nproc)" -- --no-print-directory >/dev/null
build/fuzz/bin/fuzz_seeds --no-version --minimal=true >/dev/null

fuzz() {  # fuzz TARGET: prints a summary line; fails on a finding
  local corpus=build/fuzz/corpus/$1 findings=build/fuzz/findings/$1 log=build/fuzz/$1.log
  mkdir -p "$corpus" "$findings" "build/fuzz/tmp/$1"
  TMPDIR=$PWD/build/fuzz/tmp/$1 ASAN_OPTIONS=quarantine_size_mb=16 \
    LSAN_OPTIONS=suppressions=$PWD/tests/support/leaks.supp:print_suppressions=0 \
    "build/fuzz/bin/fuzz_$1" -max_total_time="$seconds" -rss_limit_mb=1024 -timeout=10 -max_len=16384 \
    -artifact_prefix="$findings/" -print_final_stats=1 "$corpus" "build/fuzz/tests/fuzz/seeds/$1" >"$log" 2>&1 || {
    echo "$1: FINDING: $(grep -m 1 -E 'ERROR: |runtime error: |terminate called' "$log" || tail -n 1 "$log"); input: $(grep -o 'findings/.*' "$log" | tail -n 1)"
    return 1
  }
  local runs edges
  runs=$(sed -nE 's/^stat::number_of_executed_units: ([0-9]+)$/\1/p' "$log")
  edges=$(grep -oE 'cov: [0-9]+' "$log" | tail -n 1 | cut -d' ' -f2)
  echo "$1: $runs runs, $edges edges, $(find "$corpus" -type f | wc -l) inputs kept, $(sed -nE 's/^stat::peak_rss_mb: +([0-9]+)$/\1/p' "$log") MB"
}
export -f fuzz
printf '%s\n' "${targets[@]}" | xargs -P "$(nproc)" -I TARGET bash -c 'fuzz TARGET' || { echo "fuzz.sh: there are findings" >&2; exit 1; }
