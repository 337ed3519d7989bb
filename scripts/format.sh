#!/usr/bin/env bash
# Checks the formatting of all sources with clang-format: format.sh [--fix]. The project uses version 14; others format
# differently.
set -euo pipefail
cd "$(dirname "$0")/.."
files=$(find include examples tools src tests bench python -name '*.[ch]pp')
format() { xargs -P "$(nproc)" -n 40 clang-format -i <<<"$files"; }
if [ "${1:-}" = --fix ]; then
  format
  exit
fi
# Not --dry-run, which rejects clang-format's own comments at the end of inline namespaces.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/found" "$work/expected"
for copy in found expected; do cp --parents .clang-format $files "$work/$copy"; done
cd "$work/expected"
format
diff -ru ../found .
