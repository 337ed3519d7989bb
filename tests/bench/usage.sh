#!/usr/bin/env bash
# Runs the benchmarks of a folder (the argument) with options that make no sense, and with sizes that no machine has:
# each must exit with the right code and one line on the standard error. And once each with small sizes, which works.
set -uo pipefail
bin=$1
failures=0

expect() {  # expect CODE PROGRAM OPTION ...
  local code=$1 got said
  shift
  [ -x "$bin/$1" ] || return 0  # bench_kernels is left out where Google Benchmark is missing
  said=$("$bin/$1" "${@:2}" 2>&1 >/dev/null)
  got=$?
  if [ "$got" -ne "$code" ] || { [ "$code" -ne 0 ] && [[ $(wc -l <<<"$said") -ne 1 || $said != "$1: "* ]]; }; then
    echo "FAILED: $*: exit code $got, expected $code; it said: $said"
    failures=$((failures + 1))
  fi
}

for sizes in "--images 1000000000000" "--steps 100000000000" "--window -1" "--runs 0" "--batch 1e30" "--epochs 3 nan" \
  "--threads -1" "--net none" "--unknown" "word"; do
  # shellcheck disable=SC2086  # two words
  expect 2 bench_hypergradient $sizes
done
expect 2 bench_hypergradient --threads "2 0"
expect 1 bench_hypergradient --steps 1000000 --images 1000000
expect 1 bench_hypergradient --steps 1000000 --epochs 1000000
expect 1 bench_hypergradient --steps 1 --images 1 --epochs 1000000 --batch 1
expect 1 bench_hypergradient --memory 2
expect 2 bench_estimators --only nothing
expect 2 bench_estimators --runs 0
expect 2 bench_models --only nothing
expect 2 bench_chain --nodes 0
expect 2 bench_tape --gradient-batch 0
expect 2 bench_tape --hessian-batch 99999999999999999999
expect 2 bench_tape --runs many
expect 2 bench_kernels --filter "["
expect 2 bench_kernels --min-time nan
expect 2 bench_kernels --unknown
expect 1 bench_kernels --filter nothing-of-this-name

expect 0 bench_hypergradient --steps 2 --epochs 1 2 --images 2 --batch 2 --runs 1 --json
expect 0 bench_hypergradient --steps 1 --epochs 31 --images 1 --batch 2 --runs 1 --initializations 2
expect 0 bench_hypergradient --rule adam --steps 2 --epochs 1 --images 2 --batch 2 --runs 1 --learning-rate 0.001
expect 0 bench_estimators --only maml learned-optimizer --runs 1 --json
expect 0 bench_estimators --list
expect 0 bench_models --runs 1 --json
expect 0 bench_models --list
expect 0 bench_chain --nodes 1000 --vector-nodes 100 --json
expect 0 bench_tape --gradient-batch 2 --hessian-batch 2 --runs 1
expect 0 bench_kernels --filter "^routed.*/lenet.*/5" --min-time 0.001
[ "$failures" -eq 0 ]
