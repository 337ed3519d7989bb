#!/usr/bin/env bash
# Checks that every source is as clang-format would have it: format.sh [--fix]. Versions of clang-format differ; the
# project's is 14.
set -euo pipefail
cd "$(dirname "$0")/.."
files=$(find include examples tools src tests bench -name '*.[ch]pp')
if [ "${1:-}" = --fix ]; then
  clang-format -i $files
  exit
fi
bad=0
for file in $files; do  # --dry-run finds fault with comments at the end of inline namespaces that it would write itself
  clang-format "$file" | diff -u "$file" - || bad=1
done
exit $bad
