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
    tool | demo | package) ;;  # are a part of release
    *) cmake --build "$work/$preset" --target hypertape_test_support ;;
  esac
done

# A preset means what it says, whatever was asked of its folder before: every option is turned around first.
read -ra options <<<"$(sed -nE 's/^option\((HYPERTAPE_[A-Z_]+) .*/\1/p' CMakeLists.txt | tr '\n' ' ')"
[ "${#options[@]}" -ge 9 ] || { echo "presets.sh: does not understand the options of CMakeLists.txt"; exit 1; }
values() { grep -E "^HYPERTAPE_[A-Z_]+:(BOOL|UNINITIALIZED)=" "$work/$1/CMakeCache.txt" | sed -E 's/:[A-Z]+=/=/' | sort; }
for preset in release tool asan; do
  rm -rf "${work:?}/$preset"
  cmake --preset "$preset" -B "$work/$preset" >/dev/null
  fresh=$(values "$preset")
  turned=()
  for option in "${options[@]}"; do
    grep -qx "$option=ON" <<<"$fresh" && turned+=("-D$option=OFF") || turned+=("-D$option=ON")
  done
  cmake -S . -B "$work/$preset" "${turned[@]}" >/dev/null
  [ "$(values "$preset")" != "$fresh" ] || { echo "$preset: no option was turned"; exit 1; }
  cmake --preset "$preset" -B "$work/$preset" >/dev/null
  diff <(echo "$fresh") <(values "$preset") || { echo "$preset is not itself again"; exit 1; }
done
