#!/usr/bin/env bash
# What holds for the text of every header: rules.sh INCLUDE_FOLDER.
set -euo pipefail
cd "$1"
layers=(core kernels autodiff ops nn optim unroll io data distill)
bad=0

check() {  # check RULE FOUND: nothing may be found
  [ -z "$2" ] || { printf '%s:\n%s\n' "$1" "$2"; bad=1; }
}

check "headers without #pragma once" "$(grep -rL '^#pragma once$' hypertape)"
check "macros that are not in core/config.hpp, or do not begin with HYPERTAPE_" "$(
  grep -rnE '^ *# *(define|undef)\b' hypertape |
    grep -vE '^hypertape/core/config\.hpp:[0-9]+:#define HYPERTAPE_')"
check "using-directives, which reach whoever includes the header" "$(grep -rnE '^ *using namespace' hypertape)"
for i in "${!layers[@]}"; do
  above=$(IFS='|'; echo "${layers[*]:i+1}")
  [ -z "$above" ] || check "headers of ${layers[i]} that include a higher layer" "$(
    grep -rnE "#include [<\"]hypertape/($above|hypertape\.hpp|distill\.hpp)" "hypertape/${layers[i]}")"
done

check "headers of one file name" "$(find hypertape -name '*.hpp' -printf '%f\n' | sort | uniq -d)"

reached() {  # reached HEADER: all headers that it includes, directly or not
  local all=$1 new=$1
  while [ -n "$new" ]; do
    new=$(grep -hoE '#include "hypertape/[^"]+"' $new | cut -d'"' -f2 | sort -u | grep -vxF "$all" || true)
    [ -z "$new" ] || all+=$'\n'$new
  done
  echo "$all"
}
# It is there that the inline namespace begins (HYPERTAPE_ABI).
check "headers that do not reach core/config.hpp" "$(
  find hypertape -mindepth 2 -name '*.hpp' | while read -r header; do
    grep -qxF hypertape/core/config.hpp <<<"$(reached "$header")" || echo "$header"
  done)"
check "headers that open hypertape without its inline namespace" "$(
  grep -rlE '^namespace hypertape(::[a-z_:]+)? \{' hypertape | grep -vxF hypertape/core/error.hpp)"
check "headers that hypertape/hypertape.hpp does not reach" "$(
  find hypertape -mindepth 2 -name '*.hpp' | grep -vE '^hypertape/(io|data|distill)/' | grep -vxF "$(reached hypertape/hypertape.hpp)")"
check "headers that hypertape/distill.hpp does not reach" "$(
  find hypertape -mindepth 2 -name '*.hpp' | grep -vxF "$(reached hypertape/distill.hpp)")"
exit $bad
