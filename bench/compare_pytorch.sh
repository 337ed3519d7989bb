#!/usr/bin/env bash
# Times bench_hypergradient, bench_estimators or bench_models against PyTorch on the same work, alternating in one
# session, and prints a table of medians over the rounds with their ratios. It installs and builds nothing, and says
# what is missing.
#
# Each side gets its best setting: its fastest number of threads, and for PyTorch also its fastest OpenBLAS kernels for
# the processor, whatever OPENBLAS_CORETYPE and OPENBLAS_L2_SIZE say.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)

usage() {
  cat <<END
usage: bench/compare_pytorch.sh [OPTION ...]
  --net NAME     lenet, alexcifarnet, convnet or all (default: lenet)
  --estimators   the tasks of bench_estimators instead: each on one thread and on all processors
  --models       the same for bench_models
  --threads N    threads of each side (default: the faster of 1 and all processors, tried first)
  --rounds N     how often the two sides take turns (default: 3)
  --runs N       timed runs of a task in each round (default: 9)
  --tuned        also time PyTorch with glibc keeping freed memory: MALLOC_TRIM_THRESHOLD_ and
                 MALLOC_MMAP_THRESHOLD_ at 4000000000; the ratio is then to the faster of the two
  --markdown     print the table as markdown, for docs/performance.md
  --build DIR    where the program was built (default: build/release)
  --python FILE  a Python with PyTorch (default: python3, else /usr/bin/python3)
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

net=lenet threads='' rounds=3 runs=9 build=$root/build/release python='' tuned='' markdown='' tasks=''
while [ $# -gt 0 ]; do
  case $1 in
    --help) usage; exit 0 ;;
    --tuned) tuned=1; shift; continue ;;
    --estimators | --models) tasks=bench_${1#--}; shift; continue ;;
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
  lenet | alexcifarnet | convnet) nets=("$net") ;;
  all) nets=(lenet alexcifarnet convnet) ;;
  *) misuse "--net: $net is not lenet, alexcifarnet, convnet or all" ;;
esac
program=${tasks:-bench_hypergradient}  # tasks: the program, if it is one that lists its work
[ -z "$tasks" ] || nets=()
for count in "${threads:-1}" "$rounds" "$runs"; do
  [[ $count =~ ^[1-9][0-9]{0,3}$ ]] || misuse "--threads, --rounds and --runs must be from 1 to 9999, got $count"
done
[ "${threads:-1}" -le 1024 ] || misuse "--threads must be at most 1024, got $threads"

# Check what is there.
bench=$build/bin/$program
if [ ! -x "$bench" ]; then
  fail "$bench is missing. Build it (Debian: g++ cmake make libeigen3-dev libcli11-dev nlohmann-json3-dev):
  cmake --preset release && cmake --build build/release --target $program"
fi
help=$("$bench" --help)
for name in ${nets[@]+"${nets[@]}"}; do
  [[ $help == *"$name"* ]] || fail "$bench knows no network $name; build a newer one"
done
if [ -n "$(find "$root/include" "$root/bench/${program#bench_}.cpp" -type f -newer "$bench" -print -quit)" ]; then
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

load() { [ ! -r /proc/loadavg ] || cut -d' ' -f1 /proc/loadavg; }
load_before=$(load)
kernels=''  # of OpenBLAS: its name for them, or its own choice
declare -A threads_of=([hypertape]=${threads:-$(nproc)} [pytorch]=${threads:-$(nproc)} [tuned]=${threads:-$(nproc)})
peer() {  # peer SIDE OPTION ...: PyTorch, tuned or not
  local side=$1 tuning=()
  shift
  [ "$side" != tuned ] || tuning=(MALLOC_TRIM_THRESHOLD_=4000000000 MALLOC_MMAP_THRESHOLD_=4000000000)
  [ -z "$kernels" ] || tuning+=("OPENBLAS_CORETYPE=$kernels")
  env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE OMP_NUM_THREADS="${threads_of[$side]}" ${tuning[@]+"${tuning[@]}"} \
    "$python" "$root/bench/pytorch/${script:-${program#bench_}}.py" --threads "${threads_of[$side]}" "$@"
}

set_up() { setup=$(script=hypergradient peer pytorch --only sgemm --runs 1 | sed -n 1p); }
set_up
field() { "$python" -c 'import json, sys; print(json.loads(sys.argv[1])[sys.argv[2]])' "$setup" "$1"; }
case $(field blas) in
  reference)
    fail "PyTorch's matrix products come from the reference BLAS, which is many times slower than it need be: the
  comparison would be unfair to PyTorch. On Debian: apt-get install libopenblas0-openmp
  (if it is installed: update-alternatives --config libblas.so.3-$(uname -m)-linux-gnu)" ;;
  unknown)
    echo "compare_pytorch.sh: warning: cannot tell which BLAS PyTorch uses; look at the rate of its sgemm" >&2 ;;
esac

if [ -n "$load_before" ] && awk -v load="$load_before" 'BEGIN {exit !(load > 0.5)}'; then
  echo "compare_pytorch.sh: warning: the machine is busy (load $load_before)" >&2
fi

# measure SIDE NET NAME: times one task, listed under this name by PyTorch's script, on one side in a new process.
measure() {
  local side=$1 net=$2 name=$3 what=${3%%-*} steps=1 epochs=1 images=10 batch
  printf '%s: %s, %s, %s\n' "$turn" "$net" "$name" "$side" >&2
  case $side in
    pytorch | tuned) peer "$side" --net "$net" --runs "$runs" --only "$name" >>"$work/$side.jsonl" ;;
    hypertape)
      # hypergradient-STEPSxEPOCHS-IMAGES-BATCH or gradient-BATCH. The program prints both; only the named one counts.
      batch=${name##*-}
      if [[ $name =~ ^hypergradient-([0-9]+)x([0-9]+)-([0-9]+)- ]]; then
        steps=${BASH_REMATCH[1]} epochs=${BASH_REMATCH[2]} images=${BASH_REMATCH[3]}
      fi
      "$bench" --net "$net" --steps "$steps" --epochs "$epochs" --images "$images" --batch "$batch" \
        --threads "${threads_of[$side]}" --runs "$runs" --json | grep -F "\"what\":\"$what\"" >>"$work/hypertape.jsonl" ;;
  esac
}

# Finds the OpenBLAS kernels with which PyTorch is fastest on the first task, among those the processor can run.
tried=("") choice=''
if [ "$(field blas)" = OpenBLAS ] && [ -r /proc/cpuinfo ]; then
  flags=" $(sed -n 's/^flags[[:space:]]*: //p' /proc/cpuinfo | head -n 1) "
  has() { for flag; do [[ $flags == *" $flag "* ]] || return 1; done; }
  if has avx2 fma; then tried+=(Haswell Zen); fi
  if has avx512bw avx512dq avx512vl; then tried+=(SkylakeX); fi
  if has avx512bw avx512dq avx512vl avx512_bf16; then tried+=(Cooperlake); fi
fi
if [ "${#tried[@]}" -gt 1 ]; then
  if [ -n "$tasks" ]; then
    first=(--only "$("$bench" --list | head -n 1)")
  else
    first=(--net "${nets[0]}" --only "$(peer pytorch --net "${nets[0]}" --list | grep -m 1 '^hypergradient')")
  fi
  for kernels in "${tried[@]}"; do
    printf 'which kernels of OpenBLAS, %s\n' "${kernels:-its own choice}" >&2
    for _ in 1 2; do
      peer pytorch --runs 3 "${first[@]}" | sed -n 's/.*"min_ms": \([0-9.e+-]*\).*/\1 '"$kernels"'/p' >>"$work/kernels"
    done
  done
  kernels=$(sort -g "$work/kernels" | head -n 1 | cut -d' ' -f2)
  set_up
  choice=" (${kernels:-its own choice}, the fastest of: its own choice${tried[*]})"
fi

sides=(hypertape pytorch ${tuned:+tuned})

# Finds the faster number of threads of a side on the first hypergradient in the list.
if [ -z "$threads$tasks" ] && [ "$(nproc)" -gt 1 ]; then
  name=$(peer pytorch --net "${nets[0]}" --list | grep -m 1 '^hypergradient')
  for side in "${sides[@]}"; do
    for count in 1 "$(nproc)"; do
      threads_of[$side]=$count turn="which number of threads, $count"
      measure "$side" "${nets[0]}" "$name"
    done
    threads_of[$side]=$("$python" -c '
import json, sys
rows = [json.loads(line) for line in open(sys.argv[1])]
print(min((row for row in rows if "net" in row), key=lambda row: row["median_ms"])["threads"])' "$work/$side.jsonl")
    rm "$work/$side.jsonl"
  done
fi
# measure_task SIDE COUNT NAME: the same for a task of a program that lists its tasks.
measure_task() {
  local side=$1
  threads_of[$side]=$2
  printf '%s: %s, %s threads, %s\n' "$turn" "$3" "$2" "$side" >&2
  case $side in
    pytorch | tuned) peer "$side" --runs "$runs" --only "$3" >>"$work/$side.jsonl" ;;
    hypertape) "$bench" --threads "$2" --runs "$runs" --only "$3" --json >>"$work/hypertape.jsonl" ;;
  esac
}
task_threads=${threads:-$(printf '1\n%s\n' "$(nproc)" | uniq)}  # one, and all
for round in $(seq "$rounds"); do
  turn="round $round of $rounds"
  if [ -n "$tasks" ]; then
    for name in $("$bench" --list); do
      for count in $task_threads; do
        for side in "${sides[@]}"; do measure_task "$side" "$count" "$name"; done
      done
    done
  fi
  for net in ${nets[@]+"${nets[@]}"}; do
    names=$(peer pytorch --net "$net" --list)
    for name in $names; do
      if [ "$name" = sgemm ]; then
        peer pytorch --runs "$runs" --only sgemm >>"$work/pytorch.jsonl"  # hypertape's program measures its own each time
        continue
      fi
      for side in "${sides[@]}"; do measure "$side" "$net" "$name"; done
    done
  done
  # Swap the order for the next round, so that neither side always runs on a machine warmed by the other.
  reversed=()
  for side in "${sides[@]}"; do reversed=("$side" "${reversed[@]}"); done
  sides=("${reversed[@]}")
done

# Describe the machine and the commit.
from_cache() { sed -n "s/^$1:[A-Z]*=//p" "$build/CMakeCache.txt"; }
compiler=$(from_cache CMAKE_CXX_COMPILER)
flags=$(sed -n 's/^CXX_FLAGS = //p' "$build/bench/CMakeFiles/$program.dir/flags.make" 2>/dev/null || true)
[ -n "$flags" ] || flags="$(from_cache CMAKE_CXX_FLAGS) $(from_cache CMAKE_CXX_FLAGS_RELEASE)"
flags=$(sed -E 's/-include [^ ]+//' <<<"$flags" | tr ' ' '\n' | grep -Ev '^(-W.*)?$' | paste -sd ' ')
commit=$(git -C "$root" rev-parse --short HEAD 2>/dev/null || echo unknown)
[ -z "$(git -C "$root" status --porcelain --untracked-files=no 2>/dev/null)" ] || commit+=", with changes"
bullet=${markdown:+- }
cat <<END
${bullet}machine: $(LC_ALL=C lscpu | sed -n 's/^Model name: *//p' | head -n 1), $(nproc) processors
${bullet}compiler: $("$compiler" --version | head -n 1), $flags
${bullet}hypertape: commit $commit
${bullet}PyTorch: $(field torch) with $(field blas), kernels for $(field blas_kernel)$choice
${bullet}threads: ${tasks:+see the table, at most }hypertape ${threads_of[hypertape]}, PyTorch ${threads_of[pytorch]}${tuned:+, tuned ${threads_of[tuned]}}; medians of $rounds rounds of $runs runs
${bullet}load of the machine: $load_before before, $(load) at the end, with ${threads_of[hypertape]} or ${threads_of[pytorch]} busy threads of this comparison in it

END
"$python" "$root/bench/pytorch/table.py" "$work" ${markdown:+--markdown}
