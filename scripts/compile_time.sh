#!/usr/bin/env bash
# Compares the compile time of a program that only includes <hypertape/hypertape.hpp> with one that only includes
# <Eigen/Dense>: compile_time.sh [RUNS]. Prints processor seconds, medians of RUNS (7) alternating runs, for g++ and
# clang++ if installed. The goal is a ratio below 3.
set -euo pipefail
cd "$(dirname "$0")/.."
runs=${1:-7}
read -ra eigen <<<"$(pkg-config --cflags eigen3 2>/dev/null || echo -I/usr/include/eigen3)"

compile() {  # compile COMPILER HEADER
  "$1" -std=c++20 -fopenmp -I include "${eigen[@]}" -x c++ -c - -o /dev/null <<<"#include <$2>"
}
seconds() {  # seconds COMPILER HEADER: processor seconds
  local TIMEFORMAT='%3U %3S'
  { time compile "$@"; } 2>&1 | awk '{print $1 + $2}'
}
median() { sort -n | awk '{value[NR] = $1} END {print value[int((NR + 1) / 2)]}'; }

printf '%-10s %15s %28s %7s\n' '' '<Eigen/Dense>' '<hypertape/hypertape.hpp>' ratio
for compiler in g++ clang++; do
  command -v $compiler >/dev/null || continue
  eigen_times=() own_times=()
  compile $compiler Eigen/Dense && compile $compiler hypertape/hypertape.hpp  # warms the file cache, and shows errors
  for ((run = 0; run < runs; ++run)); do
    eigen_times+=("$(seconds $compiler Eigen/Dense)")
    own_times+=("$(seconds $compiler hypertape/hypertape.hpp)")
  done
  a=$(printf '%s\n' "${eigen_times[@]}" | median) b=$(printf '%s\n' "${own_times[@]}" | median)
  awk -v name="$compiler $($compiler -dumpversion)" -v a="$a" -v b="$b" \
    'BEGIN {printf "%-10s %13.2f s %26.2f s %7.2f\n", name, a, b, b / a}'
done
