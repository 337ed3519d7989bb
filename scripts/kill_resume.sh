#!/usr/bin/env bash
# Kills runs of the tool at random moments, resumes them, and compares their final files byte for byte with those of an
# uninterrupted run: kill_resume.sh KILLS [TOOL]. The default TOOL is build/release/bin/hypertape.
set -euo pipefail
[[ ${1:-} =~ ^[1-9][0-9]*$ ]] && [ $# -le 2 ] || { echo "usage: kill_resume.sh KILLS [TOOL]" >&2; exit 2; }
kills=$1 tool=${2:-$(dirname "$0")/../build/release/bin/hypertape}
work=$(mktemp -d)
trap 'kill -KILL $! 2>/dev/null || true; wait; rm -rf "$work"' EXIT

# Small steps, so that a run spends much of its time on evaluations, checkpoints and results.
options=(--dataset glyphs --net mlp --hidden 20 --init random --networks 2 --validation-networks 2 --test-networks 2
  --soft-labels --inner-optimizer sgd:momentum=0.5 --steps 2 --batch 64 --hold-out 200 --iterations 400 --evaluate-every 10
  --checkpoint-every 7 --seed 5)
compared=(distilled.npz last.npz distilled.png strip.png networks.csv)
columns() { grep -v '^#' "$1/log.csv" | sed -E 's/^([^,]*,[^,]*,[^,]*),[^,]*/\1/'; }  # all but the seconds

echo "one uninterrupted run"
begin=$(date +%s%N)
"$tool" distill "${options[@]}" --out "$work/whole" >"$work/output"
length=$((($(date +%s%N) - begin) / 1000000))

done=0 runs=0
while [ $done -lt "$kills" ]; do
  out=$work/killed
  rm -rf "$out"
  while :; do
    arguments=("${options[@]}" --out "$out")
    [ ! -f "$out/config.json" ] || arguments=(--resume "$out" --threads $((1 + RANDOM % 2)))
    "$tool" distill "${arguments[@]}" >"$work/output" 2>&1 &
    sleep "$(awk -v share=$RANDOM -v ms=$length "BEGIN {print share / 32768 * ms / 1000}")"
    if kill -KILL $! 2>/dev/null; then
      wait $! 2>/dev/null || true
      done=$((done + 1))
      [ -f "$out/summary.json" ] || continue
      break  # killed after it wrote its last file
    fi
    wait $! || { cat "$work/output"; echo "kill_resume.sh: a resumed run failed after $done kills" >&2; exit 1; }
    break
  done
  for file in "${compared[@]}"; do
    cmp "$out/$file" "$work/whole/$file" || { echo "kill_resume.sh: $file differs after $done kills" >&2; exit 1; }
  done
  diff <(columns "$out") <(columns "$work/whole") || { echo "kill_resume.sh: log.csv differs" >&2; exit 1; }
  runs=$((runs + 1))
  echo "$done kills, $runs runs: each identical to the uninterrupted run"
done
