#!/usr/bin/env bash
# Checks that every source is as clang-format would have it: format.sh [--fix]. Versions of clang-format differ; the
# project's is 14.
set -euo pipefail
cd "$(dirname "$0")/.."
how=(--dry-run --Werror)
[ "${1:-}" != --fix ] || how=(-i)
find include examples tools src tests bench -name '*.[ch]pp' -print0 | xargs -0 clang-format "${how[@]}"
