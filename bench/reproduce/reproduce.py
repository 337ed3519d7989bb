#!/usr/bin/env python3
"""Runs the experiments of docs/results.md: reproduce.py [--tool FILE] [--out DIR] [--list] [ROW ...]

Runs all rows unless some are named. Datasets are found as the tool finds them: $HYPERTAPE_DATA/mnist, usps, cifar-10.
A finished row is not run again. After Ctrl-C or a crash, `distill` and `pretrain` continue where they stopped; other
commands start over. The summary of a finished row goes to docs/results/ROW.json, from which results.py makes
docs/results.md; the distilled sets of some rows go to docs/results/sets. Rows that fail are listed at the end, and rows
that need them are skipped.
"""

import argparse
import hashlib
import json
import pathlib
import shutil
import signal
import subprocess
import sys

from rows import PICTURE, STORED, TABLES, all_rows

ROOT = pathlib.Path(__file__).resolve().parents[2]
RESULTS = ROOT / "docs" / "results"
SETS = RESULTS / "sets"
SUMS = SETS / "SHA256SUMS"

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
STOPPED = [124] + [128 + number for number in SIGNALS]  # exit codes of the tool: a time limit, or a signal


class Failed(Exception):
    """A row did not finish; the message says why."""


class Stopped(Failed):
    """A row was stopped on request."""


def load(path):
    """The content of a JSON file; {} if it is missing or incomplete."""
    try:
        return json.loads(path.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return {}


def checksums():
    """The checksums of the stored sets, in the format of sha256sum."""
    return "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in sorted(SETS.glob("*.npz")))


def command_of(row, out):
    folders = {other: str(out / other) for other in row.needs}
    return [word.format_map(folders) for word in row.options.split()]


def wait(command):
    """Runs a command until it exits. Ctrl-C and SIGTERM reach it too: it may need time to save its state."""
    process = subprocess.Popen(command)
    signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            pass


def run(row, tool, out):
    folder, made_by = out / row.name, out / f"{row.name}.command"
    summary = folder / "summary.json"
    if folder.exists() and (not made_by.exists() or made_by.read_text() != row.options):
        raise Failed(f"{folder} was made by another command than this row's; move it away")
    if load(summary).get("interrupted", True):
        out.mkdir(parents=True, exist_ok=True)
        made_by.write_text(row.options)
        command = [tool, *command_of(row, out), "--out", str(folder)]
        resumable = command[1] == "distill" and any((folder / f"checkpoint{part}.npz").exists() for part in ("", ".previous"))
        if resumable:
            command = [tool, "distill", "--resume", str(folder)]
        print(f"== {row.name}: {' '.join(command)}", flush=True)
        code = wait(command)
        if code in STOPPED or -code in SIGNALS:
            raise Stopped("was stopped; the same command continues")
        if code != 0:
            raise Failed(f"the tool failed with {code}")
    if load(summary).get("interrupted", True):
        raise Stopped("was stopped; the same command continues")
    record = {"command": f"hypertape {row.options}", "summary": load(summary)}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{row.name}.json").write_text(json.dumps(record, indent=1) + "\n")
    if row.name in {name for table in TABLES for name in (table.curve, table.race)}:
        with open(folder / "log.csv") as log, open(RESULTS / f"{row.name}.csv", "w") as curve:
            curve.writelines(",".join(line.split(",")[:4]) + "\n" for line in log)  # iteration, loss, hold_out_score, seconds
    if row.name in STORED:
        SETS.mkdir(exist_ok=True)
        shutil.copy(folder / "distilled.npz", SETS / f"{row.name}.npz")
        SUMS.write_text(checksums())
    if row.name == PICTURE:
        shutil.copy(folder / "distilled.png", ROOT / "docs" / "images" / f"{PICTURE}.png")


def with_needs(name, rows, tool, out, failures, done):
    """Runs a row after the rows that it needs, unless one of these fails."""
    if name in done or name in failures:
        return
    try:
        for other in rows[name].needs:
            with_needs(other, rows, tool, out, failures, done)
            if other in failures:
                raise Failed(f"needs {other}")
        run(rows[name], tool, out)
        done.add(name)
    except Stopped:
        raise
    except Failed as failure:
        failures[name] = failure


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tool", default=str(ROOT / "build/tool/bin/hypertape"))
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "out/reproduce")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("rows", nargs="*")
    options = parser.parse_args()
    rows = all_rows()
    if options.list:
        for row in rows.values():
            print(f"{row.name:28} {row.what}")
        return
    unknown = [name for name in options.rows if name not in rows]
    if unknown:
        parser.error(f"no such row: {', '.join(unknown)}; see --list")
    tool, out = pathlib.Path(options.tool).resolve(), options.out.resolve()
    if not tool.is_file():
        parser.error(f"no tool at {tool}: name it with --tool, or build it with cmake --preset tool && cmake --build --preset tool")
    if out.exists() and not out.is_dir():
        parser.error(f"--out {out} is not a folder")

    failures, done = {}, set()
    for name in options.rows or rows:
        try:
            with_needs(name, rows, str(tool), out, failures, done)
        except Stopped as stop:
            sys.exit(f"{name}: {stop}")
    for name, failure in failures.items():
        print(f"{name}: {failure}", file=sys.stderr)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
