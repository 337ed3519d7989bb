#!/usr/bin/env bash
# Distils ten images of real data and shows what they are worth: demo.sh [--data DIR] [OPTION ...]
#
# Real data is MNIST if --data DIR or $HYPERTAPE_DATA/mnist has it, else Fashion-MNIST from Debian's package. Further
# options go to `hypertape distill`. Installs the packages that it needs. Results lie in out/demo; a demo that was
# stopped continues.
set -euo pipefail

data=
options=()
while [ $# -gt 0 ]; do
  case $1 in
    --data)
      [ $# -ge 2 ] || { echo "demo.sh: --data needs a folder" >&2; exit 2; }
      data=$2
      shift
      ;;
    --data=*) data=${1#--data=} ;;
    *) options+=("$1") ;;
  esac
  shift
done
if [ -z "$data" ] && [ -n "${HYPERTAPE_DATA:-}" ] && ls "$HYPERTAPE_DATA"/mnist/train-images-idx3-ubyte* >/dev/null 2>&1; then
  data=$HYPERTAPE_DATA/mnist
fi
[ -z "$data" ] || data=$(realpath "$data")

cd "$(dirname "$0")/.."
scripts/install.sh cmake make g++ libeigen3-dev libcli11-dev nlohmann-json3-dev zlib1g-dev libpng-dev libjpeg-dev libzip-dev libmatio-dev pkg-config

if [ -n "$data" ]; then
  echo "Real data: MNIST in $data"
  source=(--dataset mnist --data "$data")
else
  scripts/install.sh dataset-fashion-mnist
  echo "Real data: Fashion-MNIST of Debian's package (for MNIST: --data DIR, or HYPERTAPE_DATA)"
  source=(--dataset fashion-mnist)
fi

cmake --preset release -DHYPERTAPE_BUILD_TESTS=OFF -DHYPERTAPE_BUILD_BENCHMARKS=OFF >/dev/null
cmake --build build/release --target hypertape_tool --parallel "$(nproc)" >/dev/null
folder=--out
ls out/demo/checkpoint*.npz >/dev/null 2>&1 && folder=--resume  # it was stopped before
build/release/bin/hypertape distill "${source[@]}" $folder out/demo ${options[@]+"${options[@]}"}
