#!/usr/bin/env bash
# Distills ten images of real data and tests them; see demo.sh --help.
set -euo pipefail
root=$(dirname "$(dirname "$(realpath "$0")")")

usage() {
  cat <<END
usage: scripts/demo.sh [--data DIR] [--build DIR] [--out DIR] [OPTION ...]
  --data DIR   folder with MNIST's files (default: \$HYPERTAPE_DATA/mnist if it has them; else Fashion-MNIST, from
               Debian's package)
  --build DIR  folder to build the tool in (default: build/tool of this checkout)
  --out DIR    folder for the results (default: out/demo of this checkout)
  OPTION ...   options of \`hypertape distill\`, such as --seed 2 --iterations 2000

Installs missing packages, builds the tool (three minutes on two cores), and runs \`hypertape distill\` (half a minute).
Repeat the command to continue a stopped demo; with other options, the demo starts over.
END
}
fail() {  # fail EXIT_CODE MESSAGE
  echo "demo.sh: $2" >&2
  exit "$1"
}

data='' build=$root/build/tool out=$root/out/demo options=()
[ "$PWD" != "$root" ] || { build=build/tool out=out/demo; }  # keeps printed paths short
while [ $# -gt 0 ]; do
  case $1 in
    --help | -h) usage; exit 0 ;;
    --data | --build | --out)
      [ $# -ge 2 ] && [ -n "$2" ] || fail 2 "$1 needs a folder"
      declare "${1#--}=$2"
      shift
      ;;
    --data=?* | --build=?* | --out=?*)
      name=${1%%=*}
      declare "${name#--}=${1#*=}"
      ;;
    --resume | --resume=*) fail 2 "$1: repeat the original command to continue a stopped demo" ;;
    *) options+=("$1") ;;
  esac
  shift
done

# Fail now rather than after minutes.
has_mnist() { compgen -G "$1/train-images-idx3-ubyte*" >/dev/null; }
if [ -n "$data" ]; then
  has_mnist "$data" || fail 1 "--data $data: no train-images-idx3-ubyte of MNIST here, packed or not"
elif [ -n "${HYPERTAPE_DATA:-}" ] && has_mnist "$HYPERTAPE_DATA/mnist"; then
  data=$HYPERTAPE_DATA/mnist
fi
for folder in --build="$build" --out="$out"; do
  mkdir -p "${folder#*=}" 2>/dev/null && [ -w "${folder#*=}" ] ||
    fail 1 "${folder#*=} cannot be written; choose other folders with --build DIR and --out DIR"
done

packages=(cmake make g++ libeigen3-dev libcli11-dev nlohmann-json3-dev zlib1g-dev libpng-dev libjpeg-dev libzip-dev
  libcairo2-dev pkg-config)
if [ -n "$data" ]; then
  source=(--dataset mnist --data "$(realpath "$data")")
  what="MNIST in $data"
else
  [ -d "${HYPERTAPE_DATA:-/nonexistent}/fashion-mnist" ] || packages+=(dataset-fashion-mnist)
  source=(--dataset fashion-mnist)
  what="Fashion-MNIST (for MNIST: --data DIR, or HYPERTAPE_DATA)"
fi
echo "[1/3] Installing missing packages"
"$root/scripts/install.sh" "${packages[@]}"

echo "[2/3] Building the tool in $build: about three minutes on two cores, only once"
cmake -S "$root" --preset demo -B "$build" >/dev/null
cmake --build "$build" --target hypertape_tool --parallel "$(nproc)"

[[ " ${options[*]-} " =~ \ --iterations[\ =] ]] || options+=(--iterations 3000)  # the usual number is in --help
echo "[3/3] Distilling ten images of $what: about half a minute on two cores"
echo "      Watch $out/report.html"
# A folder with a checkpoint holds a stopped run; demo.command says how a demo began it. A running one has locked its
# folder, which the tool reports.
command="${source[*]} ${options[*]-}"
begun=$(cat "$out/demo.command" 2>/dev/null || true)
folder=--out
if ! compgen -G "$out/checkpoint*.npz" >/dev/null; then
  flock -n "$out" tee "$out/demo.command" <<<"$command" >/dev/null || true
elif [ "$begun" = "$command" ]; then
  folder=--resume
elif [ -n "$begun" ] && flock -n "$out" rm "$out"/checkpoint*.npz; then
  echo "The demo stopped in $out had other options: starting over"
  echo "$command" >"$out/demo.command"
fi
"$build/bin/hypertape" distill "${source[@]}" $folder "$out" "${options[@]}"
echo
echo "Open $out/report.html in a browser for the images, curves and errors. Next, try your own pictures, one folder"
echo "per class: $build/bin/hypertape distill --data FOLDER"
