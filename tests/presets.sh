#!/usr/bin/env bash
# Every preset configures, and builds what all tests share: presets.sh PROJECT WORK.
set -euo pipefail
project=$1 work=$2
cd "$project"
for preset in $(cmake --list-presets | sed -nE 's/^ +"([^"]+)".*/\1/p'); do
  echo "== $preset"
  cmake --preset "$preset" -B "$work/$preset" -DHYPERTAPE_WARNINGS_AS_ERRORS=ON >/dev/null
  case $preset in
    release | asan) ;;  # are what scripts/test.sh builds
    tool) ;;            # is a part of release
    *) cmake --build "$work/$preset" --target hypertape_test_support ;;
  esac
done

# A preset means what it says, whatever was asked of its folder before.
cmake --preset release -B "$work/release" -DHYPERTAPE_BUILD_TESTS=OFF -DHYPERTAPE_BUILD_BENCHMARKS=OFF >/dev/null
cmake --preset release -B "$work/release" >/dev/null
for option in HYPERTAPE_BUILD_TESTS HYPERTAPE_BUILD_BENCHMARKS; do
  grep -q "^$option:[A-Z]*=ON$" "$work/release/CMakeCache.txt" || { echo "release: $option is not ON"; exit 1; }
done
