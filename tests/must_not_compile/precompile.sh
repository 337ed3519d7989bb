#!/usr/bin/env bash
# Compiles the headers once for all files of this folder: precompile.sh WORK OPTION ... with $CXX.
set -euo pipefail
work=$1
shift
mkdir -p "$work"
echo '#include <hypertape/hypertape.hpp>' >"$work/headers.hpp"
"$CXX" -std=c++20 "$@" -x c++-header "$work/headers.hpp" -o "$work/headers.hpp.gch"
