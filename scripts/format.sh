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
# Not --dry-run, which rejects clang-format's own comments at the end of inline namespaces. xargs fails if one file differs.
xargs -P "$(nproc)" -I FILE bash -o pipefail -c 'clang-format FILE | diff -u FILE -' <<<"$files"
