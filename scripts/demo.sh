#!/usr/bin/env bash
# Distils ten images of real data and says what they are worth; demo.sh --help has the options.
set -euo pipefail
root=$(dirname "$(dirname "$(realpath "$0")")")

usage() {
  cat <<END
usage: scripts/demo.sh [--data DIR] [--build DIR] [--out DIR] [OPTION ...]
  --data DIR   folder with MNIST's files (default: \$HYPERTAPE_DATA/mnist if it has them; else Fashion-MNIST, from
               Debian's package)
  --build DIR  where the tool is built (default: build/tool of this checkout)
  --out DIR    where the results go (default: out/demo of this checkout)
  OPTION ...   of \`hypertape distill\`, such as --seed 2 --iterations 2000

Installs the packages that it needs, builds the tool (a minute on two cores), and runs \`hypertape distill\` (half a
minute). The same command continues a demo that was stopped; another one begins again.
END
}
fail() {  # fail EXIT_CODE MESSAGE
  echo "demo.sh: $2" >&2
  exit "$1"
}

data='' build=$root/build/tool out=$root/out/demo options=()
[ "$PWD" != "$root" ] || { build=build/tool out=out/demo; }  # what is printed is then as short as what is typed
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
    --resume | --resume=*) fail 2 "$1: the same command continues a demo that was stopped" ;;
    *) options+=("$1") ;;
  esac
  shift
done

# Whatever would fail after minutes fails now.
has_mnist() { compgen -G "$1/train-images-idx3-ubyte*" >/dev/null; }
if [ -n "$data" ]; then
  has_mnist "$data" || fail 1 "--data $data: there is no train-images-idx3-ubyte or train-images-idx3-ubyte.gz of MNIST here"
elif [ -n "${HYPERTAPE_DATA:-}" ] && has_mnist "$HYPERTAPE_DATA/mnist"; then
  data=$HYPERTAPE_DATA/mnist
fi
for folder in --build="$build" --out="$out"; do
  mkdir -p "${folder#*=}" 2>/dev/null && [ -w "${folder#*=}" ] ||
    fail 1 "${folder#*=} cannot be written; give other folders: --build DIR --out DIR"
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
echo "[1/3] Packages: what is missing is installed"
"$root/scripts/install.sh" "${packages[@]}"

echo "[2/3] Building the tool in $build: about a minute on two cores, once"
cmake -S "$root" --preset demo -B "$build" >/dev/null
cmake --build "$build" --target hypertape_tool --parallel "$(nproc)"

[[ " ${options[*]-} " =~ \ --iterations[\ =] ]] || options+=(--iterations 3000)  # --help says how many are usual
echo "[3/3] Distilling ten images of $what: about half a minute on two cores"
echo "      $out/report.html follows it"
# A folder with a checkpoint holds a run that was stopped. If a demo began it, demo.command says how. What is
# going on has locked its folder, which the tool then says.
command="${source[*]} ${options[*]-}"
begun=$(cat "$out/demo.command" 2>/dev/null || true)
folder=--out
if ! compgen -G "$out/checkpoint*.npz" >/dev/null; then
  flock -n "$out" tee "$out/demo.command" <<<"$command" >/dev/null || true
elif [ "$begun" = "$command" ]; then
  folder=--resume
elif [ -n "$begun" ] && flock -n "$out" rm "$out"/checkpoint*.npz; then
  echo "The demo that was stopped in $out had other options: beginning again"
  echo "$command" >"$out/demo.command"
fi
"$build/bin/hypertape" distill "${source[@]}" $folder "$out" "${options[@]}"
echo
echo "Open $out/report.html in a browser: the images, the curves and the errors. Next: your own pictures, a folder for"
echo "each class: $build/bin/hypertape distill --data FOLDER"
