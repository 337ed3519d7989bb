#!/usr/bin/env bash
# The program in the README is the one in examples/, which is compiled and run as a test.
set -euo pipefail
cd "$(dirname "$0")/.."
diff <(awk '/^```cpp/ {inside = 1; next} /^```/ {inside = 0} inside' README.md) <(tail -n +3 examples/learning_rates.cpp)
