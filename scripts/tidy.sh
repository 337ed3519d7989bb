#!/usr/bin/env bash
# Style and pitfalls: clang-format over every source, then clang-tidy over everything that is compiled (.clang-tidy says
# which checks). It takes long, so the tests run the first half alone.
set -euo pipefail
cd "$(dirname "$0")/.."

find include examples tests bench -name '*.[ch]pp' -print0 | xargs -0 clang-format --dry-run --Werror
cmake --preset tidy >/dev/null
cmake --build build/tidy --parallel "$(nproc)"
