#!/usr/bin/env bash
# The headers compile behind the macros that other people's headers define (windows.h, complex.h, X11, Qt, Apple's
# AssertMacros.h, GLib): hostile_macros.sh INCLUDE_FOLDER OPTION ... with $CXX. What hypertape includes comes before
# the macros, for it is not hypertape's to bear them.
set -euo pipefail
include=$1
shift
object_like=(I near far small check verify require None Bool Status Success DEBUG ERROR emit slots signals
  interface foreach forever Always Above Below Complex Convex Unsorted IN OUT OPTIONAL ABS VOID major minor)

program() {  # program NAME ...: all headers, with each NAME defined as something that compiles nowhere, and min and max
  grep -rhoE '^ *# *include <[^>]+>' "$include/hypertape" | sed -E 's/.*<(.*)>/\1/' | sort -u |
    sed -E 's/.*/#if __has_include(<&>)\n#include <&>\n#endif/'
  echo '#define min(a, b) (((a) < (b)) ? (a) : (b))'
  echo '#define max(a, b) (((a) > (b)) ? (a) : (b))'
  printf '#define %s @hostile macro@\n' "$@"
  (cd "$include" && find hypertape -name '*.hpp' -not -name mpi.hpp | sort | sed 's/.*/#include <&>/')
}
compiles() { "$CXX" -std=c++20 -fsyntax-only -I "$include" "$@" -x c++ -; }

program "${object_like[@]}" | compiles "$@"
# What would be found: a name that the headers do use.
if program Tensor | compiles "$@" 2>/dev/null; then
  echo "hostile_macros.sh: does not notice a macro in the way"
  exit 1
fi
