#!/usr/bin/env bash
# Times bench_hypergradient and PyTorch on the same work, alternately in one sitting, and prints one table with their
# ratios: medians over the rounds. Installs and builds nothing; says what is missing.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)

usage() {
  cat <<END
usage: bench/compare_pytorch.sh [OPTION ...]
  --net NAME     lenet, alexcifarnet or all (default: lenet)
  --threads N    threads of either side (default: all processors)
  --rounds N     how often the two sides take turns (default: 3)
  --runs N       timed runs of a piece of work in each round (default: 9)
  --tuned        PyTorch once more, with glibc keeping freed memory: MALLOC_TRIM_THRESHOLD_ and
                 MALLOC_MMAP_THRESHOLD_ at 4000000000
  --markdown     print the table as markdown, for docs/performance.md
  --build DIR    where bench_hypergradient was built (default: build/release)
  --python FILE  the Python that has PyTorch (default: python3, else /usr/bin/python3)
END
}

fail() {
  echo "compare_pytorch.sh: $*" >&2
  exit 1
}
misuse() {
  echo "compare_pytorch.sh: $*; see --help" >&2
  exit 2
}

net=lenet threads=$(nproc) rounds=3 runs=9 build=$root/build/release python='' tuned='' markdown=''
while [ $# -gt 0 ]; do
  case $1 in
    --help) usage; exit 0 ;;
    --tuned) tuned=1; shift; continue ;;
    --markdown) markdown=1; shift; continue ;;
    --net | --threads | --rounds | --runs | --build | --python) ;;
    *) misuse "unknown option $1" ;;
  esac
  [ $# -ge 2 ] || misuse "$1 needs a value"
  case $1 in
    --net) net=$2 ;;
    --threads) threads=$2 ;;
    --rounds) rounds=$2 ;;
    --runs) runs=$2 ;;
    --build) build=$2 ;;
    --python) python=$2 ;;
  esac
  shift 2
done
case $net in
  lenet | alexcifarnet) nets=("$net") ;;
  all) nets=(lenet alexcifarnet) ;;
  *) misuse "--net: $net is not lenet, alexcifarnet or all" ;;
esac
for count in "$threads" "$rounds" "$runs"; do
  [[ $count =~ ^[1-9][0-9]{0,3}$ ]] || misuse "--threads, --rounds and --runs must be from 1 to 9999, got $count"
done
[ "$threads" -le 1024 ] || misuse "--threads must be at most 1024, got $threads"

# What there is.
bench=$build/bin/bench_hypergradient
if [ ! -x "$bench" ]; then
  fail "$bench is missing. Build it (Debian: g++ cmake make libeigen3-dev libcli11-dev nlohmann-json3-dev):
  cmake --preset release -DHYPERTAPE_BUILD_TESTS=OFF && cmake --build build/release --target bench_hypergradient"
fi
help=$("$bench" --help)
for name in "${nets[@]}"; do
  [[ $help == *"$name"* ]] || fail "$bench knows no network $name; build a newer one"
done
if [ -n "$(find "$root/include" "$root/bench/hypergradient.cpp" -type f -newer "$bench" -print -quit)" ]; then
  echo "compare_pytorch.sh: warning: $bench is older than a source file; is it of this commit?" >&2
fi
if [ -z "$python" ]; then
  for python in python3 /usr/bin/python3; do  # the system's, which has Debian's PyTorch, may not come first
    "$python" -c 'import torch' 2>/dev/null && break
  done
fi
if ! "$python" -c 'import torch' 2>/dev/null; then
  fail "$python has no PyTorch. Name another Python with --python, or, on Debian:
  apt-get install --no-install-recommends python3-torch python3-numpy libopenblas0-openmp"
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

peer() { OMP_NUM_THREADS=$threads "$python" "$root/bench/pytorch/hypergradient.py" --threads "$threads" "$@"; }

peer --only sgemm --runs 1 >"$work/setup"
setup=$(head -n 1 "$work/setup")
field() { "$python" -c 'import json, sys; print(json.loads(sys.argv[1])[sys.argv[2]])' "$setup" "$1"; }
case $(field blas) in
  reference)
    fail "PyTorch's matrix products come from the reference BLAS, which is many times slower than it need be: the
  comparison would be unfair to PyTorch. On Debian: apt-get install libopenblas0-openmp
  (if it is installed: update-alternatives --config libblas.so.3-$(uname -m)-linux-gnu)" ;;
  unknown)
    echo "compare_pytorch.sh: warning: cannot tell which BLAS PyTorch uses; look at the rate of its sgemm" >&2 ;;
esac

if [ -r /proc/loadavg ] && awk '{exit !($1 > 0.5)}' /proc/loadavg; then
  echo "compare_pytorch.sh: warning: the machine is busy (load $(cut -d' ' -f1 /proc/loadavg))" >&2
fi

# measure SIDE NET NAME: one piece of work, which PyTorch's script lists by name, on one side, in a process of its own.
measure() {
  local side=$1 net=$2 name=$3 what=${3%%-*} steps=1 epochs=1 images=10 batch
  printf 'round %d of %d: %s, %s, %s\n' "$round" "$rounds" "$net" "$name" "$side" >&2
  case $side in
    pytorch) peer --net "$net" --runs "$runs" --only "$name" >>"$work/pytorch.jsonl" ;;
    tuned)
      MALLOC_TRIM_THRESHOLD_=4000000000 MALLOC_MMAP_THRESHOLD_=4000000000 \
        peer --net "$net" --runs "$runs" --only "$name" >>"$work/tuned.jsonl" ;;
    hypertape)
      # hypergradient-STEPSxEPOCHS-IMAGES-BATCH or gradient-BATCH. The program prints both; only the one counts.
      batch=${name##*-}
      if [[ $name =~ ^hypergradient-([0-9]+)x([0-9]+)-([0-9]+)- ]]; then
        steps=${BASH_REMATCH[1]} epochs=${BASH_REMATCH[2]} images=${BASH_REMATCH[3]}
      fi
      "$bench" --net "$net" --steps "$steps" --epochs "$epochs" --images "$images" --batch "$batch" \
        --threads "$threads" --runs "$runs" --json | grep -F "\"what\":\"$what\"" >>"$work/hypertape.jsonl" ;;
  esac
}

sides=(hypertape pytorch ${tuned:+tuned})
for round in $(seq "$rounds"); do
  for net in "${nets[@]}"; do
    names=$(peer --net "$net" --list)
    for name in $names; do
      if [ "$name" = sgemm ]; then
        peer --runs "$runs" --only sgemm >>"$work/pytorch.jsonl"  # hypertape's program measures its own each time
        continue
      fi
      for side in "${sides[@]}"; do measure "$side" "$net" "$name"; done
    done
  done
  # The other way round next time: neither side always runs on the machine that the other has warmed.
  reversed=()
  for side in "${sides[@]}"; do reversed=("$side" "${reversed[@]}"); done
  sides=("${reversed[@]}")
done

# Where this was.
from_cache() { sed -n "s/^$1:[A-Z]*=//p" "$build/CMakeCache.txt"; }
compiler=$(from_cache CMAKE_CXX_COMPILER)
flags=$(sed -n 's/^CXX_FLAGS = //p' "$build/bench/CMakeFiles/bench_hypergradient.dir/flags.make" 2>/dev/null || true)
[ -n "$flags" ] || flags="$(from_cache CMAKE_CXX_FLAGS) $(from_cache CMAKE_CXX_FLAGS_RELEASE)"
flags=$(tr ' ' '\n' <<<"$flags" | grep -Ev '^(-W.*)?$' | paste -sd ' ')
commit=$(git -C "$root" rev-parse --short HEAD 2>/dev/null || echo unknown)
[ -z "$(git -C "$root" status --porcelain --untracked-files=no 2>/dev/null)" ] || commit+=", with changes"
bullet=${markdown:+- }
cat <<END
${bullet}machine: $(LC_ALL=C lscpu | sed -n 's/^Model name: *//p' | head -n 1), $(nproc) processors
${bullet}compiler: $("$compiler" --version | head -n 1), $flags
${bullet}hypertape: commit $commit
${bullet}PyTorch: $(field torch) with $(field blas)
${bullet}threads: $threads; medians of $rounds rounds of $runs runs

END
"$python" "$root/bench/pytorch/table.py" "$work" ${markdown:+--markdown}
