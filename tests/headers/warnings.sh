#!/usr/bin/env bash
# The headers, but for mpi.hpp, which needs MPI, have no warnings for those who include them as their own, in C++20 and C++23: warnings.sh INCLUDE_FOLDER
# CONSUMER WORK OPTION ... with $CXX. CONSUMER has other.cpp, which instantiates what templates there are. Without
# optimization, code generation or the warnings that g++ 12 takes from the inside of its own intrinsics.
set -euo pipefail
include=$1 consumer=$2 work=$3
shift 3
mkdir -p "$work"
(cd "$include" && find hypertape -name '*.hpp' -not -name mpi.hpp | sort | sed 's/.*/#include <&>/') >"$work/everything.hpp"

warnings=(-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wsign-conversion -Wcast-align -Wfloat-equal -Werror)
if "$CXX" --version | grep -q clang; then
  warnings+=(-Wweak-vtables -Wno-deprecated-declarations)  # of what older standard libraries use themselves
else
  warnings+=(-Wcast-align=strict -Wuseless-cast -Wno-maybe-uninitialized -Wno-uninitialized)
fi
# hypertape as a project's own folder; what it needs, as the system's.
others=()
for option in "$@"; do
  if [[ $option == -I* && $option != "-I$include" ]]; then others+=(-idirafter "${option#-I}"); fi
done
for standard in 20 2b; do
  for source in "$consumer/other.cpp" "$(dirname "$0")/../../src/kernels.cpp"; do
    "$CXX" "-std=c++$standard" -fsyntax-only -march=native "${warnings[@]}" -I "$work" -I "$include" "${others[@]}" \
      -DHYPERTAPE_SCALAR=float "$source"
  done
done
