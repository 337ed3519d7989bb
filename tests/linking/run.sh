#!/usr/bin/env bash
# Objects that were built for other processors, or with OpenMP and without, keep their bits in one program:
# run.sh WORK_FOLDER OPTION ...: the options find the headers.
set -euo pipefail
source=$(cd "$(dirname "$0")" && pwd)
work=$1
shift
: "${CXX:=c++}"
grep -qw avx2 /proc/cpuinfo 2>/dev/null && grep -qw fma /proc/cpuinfo || { echo "needs a processor with AVX2 and FMA"; exit 77; }
mkdir -p "$work"
cd "$work"

build() {  # build PART OPTION ...
  "$CXX" -std=c++20 -O1 "${@:2}" "${include[@]}" -DNAME="$1" -DTHROWS="$1_throws" -c "$source/part.cpp" -o "$1.o"
}
program() {  # program NAME OBJECT ... OPTION ...: what it prints
  "$CXX" -std=c++20 "${include[@]}" "${@:2}" "$source/main.cpp" -o "$1"
  "./$1"
}
include=("$@")
build first -march=x86-64
for case in "baseline and AVX2|-march=x86-64 -mavx2 -mfma" "without OpenMP and with|-march=x86-64 -fopenmp" \
  "checked Vars and not|-march=x86-64 -DHYPERTAPE_CHECK_VARS=0"; do
  IFS='|' read -r name options <<<"$case"
  build second $options
  link=
  [[ $case != *-fopenmp* ]] || link=-fopenmp
  # Where two objects share a function, the linker keeps one: only the exceptions may live outside of the namespace.
  shared=$(nm first.o second.o | sed -nE 's/.* [VWu] (_ZNK?9hypertape.*)/\1/p' | grep -vE '^_ZNK?9hypertape([0-9]+[A-Z][A-Za-z]*Error|5Error|[0-9]+v[0-9])' | sort -u || true)
  [ -z "$shared" ] || { printf '%s: outside of the namespace that options name:\n%s\n' "$name" "$shared"; exit 1; }
  alone=$(program first_alone -DFIRST_ALONE first.o; program second_alone -DSECOND_ALONE second.o $link)
  for order in "first.o second.o" "second.o first.o"; do
    together=$(program both $order $link)
    [ "$together" = "$alone" ] || { printf '%s, linked as %s:\n%s\neach alone:\n%s\n' "$name" "$order" "$together" "$alone"; exit 1; }
  done
  if [[ $name == *AVX2* ]] && [ "$(sed 's/.* //' <<<"$alone" | sort -u | wc -l)" = 1 ]; then
    echo "$name: the same bits, so that this test cannot tell"
    exit 1
  fi
done
