#!/usr/bin/env python3
"""Runs the experiments of docs/results.md: reproduce.py [--tool FILE] [--out DIR] [--list] [ROW ...]

Without rows, all. Datasets are found as the tool finds them: $HYPERTAPE_DATA/mnist, usps, cifar-10. A row that is done is
not run again; one that was stopped, by Ctrl-C or a crash, continues where it was. When a row is done, its summary goes to
docs/results/ROW.json, from which results.py makes docs/results.md.
"""

import argparse
import json
import pathlib
import subprocess
import sys

from rows import all_rows

ROOT = pathlib.Path(__file__).resolve().parents[2]


def command_of(row, out):
    folders = {other: str(out / other) for other in row.needs}
    return row.options.format_map(folders).split()


def load(path):
    return json.loads(path.read_text()) if path.exists() else {}


def run(row, tool, out):
    folder = out / row.name
    summary = folder / "summary.json"
    if load(summary).get("interrupted", True):
        command = [tool, *command_of(row, out), "--out", str(folder)]
        resumable = command[1] == "distill" and any((folder / f"checkpoint{part}.npz").exists() for part in ("", ".previous"))
        if resumable:
            command = [tool, "distill", "--resume", str(folder)]
        print(f"== {row.name}: {' '.join(command)}", flush=True)
        subprocess.run(command, check=True)
    if load(summary).get("interrupted", True):
        sys.exit(f"{row.name} was stopped; run the same command again to continue")
    record = {"command": f"hypertape {row.options}", "summary": load(summary)}
    results = ROOT / "docs" / "results"
    results.mkdir(exist_ok=True)
    (results / f"{row.name}.json").write_text(json.dumps(record, indent=1) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tool", default=str(ROOT / "build/release/bin/hypertape"))
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

    done = set()

    def with_needs(name):
        if name in done:
            return
        for other in rows[name].needs:
            with_needs(other)
        run(rows[name], options.tool, options.out)
        done.add(name)

    try:
        for name in options.rows or rows:
            with_needs(name)
    except subprocess.CalledProcessError as error:
        sys.exit(f"reproduce.py: the tool failed with {error.returncode}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
