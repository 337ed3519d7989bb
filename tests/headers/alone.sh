#!/usr/bin/env bash
# Compiles every header but mpi.hpp, which needs MPI, with nothing before it: alone.sh INCLUDE_FOLDER WORK OPTION ... with $CXX.
#
# Eigen takes most of the time. A header that includes core/tensor.hpp, be it through others, is therefore compiled with
# this one precompiled: that hides no missing #include, for the header has all of it anyway.
set -euo pipefail
include=$1 work=$2
shift 2
mkdir -p "$work"
options=(-std=c++20 -I "$include" "$@")

cd "$include"
headers=$(find hypertape -name '*.hpp' -not -name mpi.hpp | sort)
with_tensor=$(grep -o '#include "hypertape/[^"]*"' $headers | sed -E 's/:#include "/ /; s/"$//' | awk '
  {from[NR] = $1; to[NR] = $2}
  END {
    found["hypertape/core/tensor.hpp"] = 1
    do {
      grown = 0
      for (i in from) if (to[i] in found && !(from[i] in found)) grown = found[from[i]] = 1
    } while (grown)
    for (header in found) print header
  }' | sort)
[ "$(wc -l <<<"$with_tensor")" -gt 50 ] || { echo "alone.sh: does not understand the headers' includes"; exit 1; }

echo '#include <hypertape/core/tensor.hpp>' >"$work/tensor.hpp"
"$CXX" "${options[@]}" -x c++-header "$work/tensor.hpp" -o "$work/tensor.hpp.gch"
compile() {  # compile OPTION ...: each header that the standard input names
  xargs -P "$(nproc)" -I HEADER sh -c 'echo "#include <$0>" | "$@" -x c++ - || { echo "$0 does not compile alone"; exit 1; }' \
    HEADER "$CXX" "${options[@]}" -fsyntax-only "$@"
}
compile -include "$work/tensor.hpp" <<<"$with_tensor"
comm -23 <(cat <<<"$headers") <(cat <<<"$with_tensor") | compile
