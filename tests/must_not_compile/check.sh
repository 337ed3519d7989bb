#!/usr/bin/env bash
# The file compiles, and with -DMISTAKE it does not, for the reason that its first line names: check.sh FILE WORK OPTION
# ... with $CXX, after precompile.sh WORK.
set -euo pipefail
file=$1
compile=("$CXX" -std=c++20 "${@:3}" -include "$2/headers.hpp" -fsyntax-only "$file")
expected=$(sed -nE '1s/^\/\/ error: (.+)$/\1/p' "$file")
[ -n "$expected" ] || { echo "$file: its first line must be '// error: WORDS'"; exit 1; }

"${compile[@]}"
if said=$("${compile[@]}" -DMISTAKE 2>&1); then
  echo "compiles with the mistake"
  exit 1
fi
grep -qF -- "$expected" <<<"$said" || { printf 'no error says "%s":\n%s\n' "$expected" "$said"; exit 1; }
