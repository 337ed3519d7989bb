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
    *) cmake --build "$work/$preset" --target hypertape_test_support ;;
  esac
done
