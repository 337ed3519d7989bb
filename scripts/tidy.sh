#!/usr/bin/env bash
# Pitfalls: clang-tidy over everything that is compiled (.clang-tidy says which checks). It takes long, so it is no test.
set -euo pipefail
cd "$(dirname "$0")/.."

cmake --preset tidy >/dev/null
cmake --build build/tidy --parallel "$(nproc)"
