#!/usr/bin/env bash
# Runs clang-tidy on everything that is compiled, with the checks in .clang-tidy. It takes too long to be a test.
set -euo pipefail
cd "$(dirname "$0")/.."

cmake --preset tidy >/dev/null
cmake --build build/tidy --parallel "$(nproc)"
