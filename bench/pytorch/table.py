#!/usr/bin/env python3
"""The table of bench/compare_pytorch.sh, from the JSON lines of hypertape.jsonl, pytorch.jsonl and, if there is one,
tuned.jsonl in a folder: medians over all lines of the same work.

usage: table.py FOLDER [--markdown]
"""

import argparse
import json
import pathlib
import statistics

NETWORKS = {"lenet": "LeNet", "alexcifarnet": "AlexCifarNet", "convnet": "ConvNet"}

# Rounds of the same work that differ by more than this were disturbed. With another busy process PyTorch, whose threads
# spin at barriers, can take ten times as long: no ratio to boast of.
UNSTEADY = 1.3


def read(path):
    if not path.exists():
        return None
    return [json.loads(line) for line in path.read_text().splitlines()]


def work_of(row):
    """What two rows must share to be the same work."""
    if "task" in row:
        return (row["task"], row["threads"])
    steps = (row["steps"], row["epochs"], row["images"]) if row["what"] == "hypergradient" else ()
    return (row["net"], row["what"], *steps, row["batch"])


def label(work):
    if len(work) == 2:
        return f"{work[0]}, {work[1]} thread{'s' * (work[1] > 1)}"
    net, what, *steps, batch = work
    unroll = f", {steps[0]} x {steps[1]}" if steps else ""
    return f"{NETWORKS[net]}, {what}{unroll}, batch {batch:,}"


def by_work(rows, key):
    values = {}
    for row in rows:
        if "net" in row or "task" in row:
            values.setdefault(work_of(row), []).append(row[key])
    return values


def medians(rows, key):
    return {work: statistics.median(values) for work, values in by_work(rows, key).items()}


def number(value):
    """Three significant digits."""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def print_table(header, rows, markdown):
    if markdown:
        print(f"| {' | '.join(header)} |\n|{'---|' * len(header)}")
        for row in rows:
            print(f"| {' | '.join(row)} |")
        return
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    for row in [header, *rows]:
        print("  ".join(c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths))))


def spread(values):
    low, high = min(values), max(values)
    return f"{low:.0f}" if f"{low:.0f}" == f"{high:.0f}" else f"{low:.0f} to {high:.0f}"


def main():
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--markdown", action="store_true")
    options = parser.parse_args()
    ours, theirs, tuned = (read(options.folder / f"{side}.jsonl") for side in ("hypertape", "pytorch", "tuned"))

    unsteady, notes = set(), []
    for side, lines in (("hypertape", ours), ("PyTorch", theirs), ("PyTorch, tuned", tuned)):
        for work, values in by_work(lines or [], "median_ms").items():
            if max(values) > UNSTEADY * min(values):
                unsteady.add(work)
                notes.append(f"UNSTEADY, measure again on a quiet machine: {label(work)}: {side} took from "
                             f"{number(min(values))} to {number(max(values))} ms in different rounds")

    def compare(work, key, of=statistics.median):
        """Ours, theirs, and the ratio to the better of theirs."""
        us = of(by_work(ours, key)[work])
        them = [of(by_work(side, key)[work]) for side in (theirs, tuned) if side is not None]
        return [number(us), *map(number, them), number(min(them) / us)]

    sides = ["hypertape", "PyTorch", *(["PyTorch, tuned"] if tuned is not None else []), "ratio"]
    works = list(medians(ours, "median_ms"))  # in the order in which they were first measured
    if "task" in ours[0]:
        rows = [[label(w) + " (UNSTEADY)" * (w in unsteady), *compare(w, "median_ms")] for w in works]
        print_table(["median time, ms", *sides], rows, options.markdown)
        print()
        rows = [[label(w), *compare(w, "min_ms", min)] for w in works]  # the least disturbed
        print_table(["shortest time, ms", *sides], rows, options.markdown)
        print("\n".join(["", *notes]))
        return
    shares = [medians(ours, f"share_of_{rate}") for rate in ("peak", "sgemm")]
    rows = [[label(w) + " (UNSTEADY)" * (w in unsteady), *compare(w, "median_ms"),
             *(f"{100 * share[w]:.0f} %" for share in shares)] for w in works]
    print_table(["median time, ms", *sides, "share of peak", "share of sgemm"], rows, options.markdown)
    print()
    rows = [[label(w), *compare(w, "peak_rss_mb")] for w in works if w[1] == "hypergradient"]
    print_table(["peak memory of the process, MB", *sides], rows, options.markdown)
    print()
    peak, eigen = (spread([row[f"{rate}_gflops"] for row in ours]) for rate in ("peak", "sgemm"))
    blas = spread([row["gflops"] for row in theirs if row["what"] == "sgemm"])
    name = next(row["blas"] for row in theirs if row["what"] == "setup")
    for note in notes:
        print(note)
    print(f"GFLOP/s that the shares are of: peak {peak}, Eigen's sgemm of 1024 x 1024 {eigen}; PyTorch's with {name} {blas}")


if __name__ == "__main__":
    main()
