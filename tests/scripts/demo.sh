#!/usr/bin/env bash
# What scripts/demo.sh and scripts/install.sh say and do, with programs in place of apt-get, cmake and the tool that
# write down how they were called: demo.sh PROJECT.
set -euo pipefail
project=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

# check EXIT_CODE WORDS COMMAND ...: runs it in $work/caller; the output is in $work/output.
check() {
  local expected=$1 words=$2 code=0
  shift 2
  (cd "$work/caller" && "$@") >"$work/output" 2>&1 </dev/null || code=$?
  [ "$code" -eq "$expected" ] && grep -qF -- "$words" "$work/output" && return
  echo "expected $expected and \"$words\", got $code of: $*"
  cat "$work/output"
  failures=$((failures + 1))
}
require() {  # require COMMAND ...: that it succeeds
  "$@" && return
  echo "failed: $*"
  failures=$((failures + 1))
}
program() {  # program NAME: a program in $work/bin, from the standard input
  { echo '#!/bin/sh'; cat; } >"$work/bin/$1"
  chmod +x "$work/bin/$1"
}

mkdir "$work/bin" "$work/caller" "$work/caller/mnist data" "$work/none"
touch "$work/caller/mnist data/train-images-idx3-ubyte.gz" "$work/file"
export PATH=$work/bin:$PATH WORK=$work CODE=0
unset HYPERTAPE_DATA
program dpkg-query <<<'[ -e "$WORK/installed" ] && echo "install ok installed"'
program apt-get <<<'echo "apt-get $*" >>"$WORK/calls"; touch "$WORK/installed"'
program id <<<'echo ${USER_ID:-0}'
program sudo <<<'exit 1'
program cmake <<'END'
echo "cmake $*" >>"$WORK/calls"
[ "$1" = --build ] || exit 0
mkdir -p "$2/bin"
printf '#!/bin/sh\necho "tool $*" >>"$WORK/calls"\nexit $CODE\n' >"$2/bin/hypertape"
chmod +x "$2/bin/hypertape"
echo "[100%] Built target hypertape_tool"
END
demo=$project/scripts/demo.sh
ln -s "$demo" "$work/link"
places=(--build "$work/build" --out "$work/out dir")

# Wrong usage, and help, before anything is installed or built.
check 0 "--build DIR" "$demo" --help
check 2 "--data needs a folder" "$demo" --data
check 2 "--out needs a folder" "$demo" --out ''
check 2 "--resume: repeat the original command" "$demo" --resume x
check 1 "--data $work/none: no train-images" "$demo" --data "$work/none" "${places[@]}"
check 1 "$work/file/x cannot be written; choose other folders with --build DIR and --out DIR" "$demo" --build "$work/file/x"
require test ! -e "$work/calls"

# Who may not install is given the line to paste, and nothing else.
check 1 "  apt-get update && apt-get install -y --no-install-recommends cmake make g++" env USER_ID=1 "$demo" "${places[@]}"
require grep -q "dataset-fashion-mnist$" "$work/output"
require test "$(grep -c . "$work/output")" = 3  # with the name of the step
require test ! -e "$work/calls"

# Through a link, from the caller's folder, with the progress of cmake.
check 0 "[100%] Built target" "$work/link" "${places[@]}" --seed 2
require grep -qx "apt-get install -y --no-install-recommends cmake .* dataset-fashion-mnist -qq" "$work/calls"
require grep -qxF "cmake -S $project --preset demo -B $work/build" "$work/calls"
require grep -qxF "tool distill --dataset fashion-mnist --out $work/out dir --seed 2 --iterations 3000" "$work/calls"
require sh -c '! grep -q -- "-D" "$WORK/calls"'  # nothing but the preset decides what a build folder builds
check 0 "ten images of MNIST in mnist data" "$demo" --data "mnist data" --build here --out=here/out
require test -x "$work/caller/here/bin/hypertape"
require grep -q "^Open here/out/report.html in a browser" "$work/output"  # where the results are
require grep -qxF "tool distill --dataset mnist --data $work/caller/mnist data --out here/out --iterations 3000" "$work/calls"

# A demo that was stopped is continued by the same command, and begun again by another.
last() { tail -n 1 "$work/calls"; }
touch "$work/out dir/checkpoint.npz"
check 0 "[3/3]" "$demo" "${places[@]}" --seed 2
require test "$(last)" = "tool distill --dataset fashion-mnist --resume $work/out dir --seed 2 --iterations 3000"
check 0 "had other options: starting over" "$demo" "${places[@]}" --iterations 50
require test "$(last)" = "tool distill --dataset fashion-mnist --out $work/out dir --iterations 50"
require test ! -e "$work/out dir/checkpoint.npz"
# A run that no demo began is left alone.
mkdir "$work/other" && touch "$work/other/checkpoint.npz"
check 0 "[3/3]" "$demo" --build "$work/build" --out "$work/other"
require test "$(last)" = "tool distill --dataset fashion-mnist --out $work/other --iterations 3000"
require test -e "$work/other/checkpoint.npz" -a ! -e "$work/other/demo.command"
# Nor is a demo that is still going on: it has locked its folder.
touch "$work/out dir/checkpoint.npz"
check 0 "[3/3]" flock "$work/out dir" "$demo" "${places[@]}"
require test -e "$work/out dir/checkpoint.npz"
# The exit code is the tool's.
check 130 "[3/3]" env CODE=130 "$demo" "${places[@]}"

[ "$failures" -eq 0 ]
