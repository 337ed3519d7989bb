#!/usr/bin/env bash
# Checks the formatting of all sources with clang-format: format.sh [--fix]. The project uses version 14; others format
# differently.
set -euo pipefail
cd "$(dirname "$0")/.."
files=$(find include examples tools src tests bench python -name '*.[ch]pp')
if [ "${1:-}" = --fix ]; then
  clang-format -i $files
  exit
fi
bad=0
for file in $files; do  # not --dry-run, which rejects clang-format's own comments at the end of inline namespaces
  clang-format "$file" | diff -u "$file" - || bad=1
done
exit $bad
