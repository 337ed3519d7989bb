#!/usr/bin/env bash
# clang-tidy over all headers at once, as .clang-tidy at the top of the tree has it: tidy.sh CONFIG WORK OPTION ... with
# $CLANG_TIDY. scripts/tidy.sh does the same for everything that is compiled, and takes long.
set -euo pipefail
config=$1 work=$2
shift 2
mkdir -p "$work"
echo '#include <hypertape/distill.hpp>' >"$work/everything.cpp"
"$CLANG_TIDY" --quiet --config-file="$config" "$work/everything.cpp" -- -std=c++20 "$@"
