#!/usr/bin/env python3
"""Writes docs/results.md from docs/results/*.json, which reproduce.py makes: results.py [--check]

--check writes nothing, and fails if the page is not what the summaries say.
"""

import json
import sys

from reproduce import ROOT
from rows import TABLES

HEAD = """# Results

Made by `bench/reproduce/results.py` from the summaries in [results/](results/); `bench/reproduce/reproduce.py ROW` runs a row
again, from the command beside it (`--out` and, if need be, `--data` come on top). Two cores with AVX-512, g++ 12.2; the time is
the whole command's. Figures are percent of the test images: mean +- standard deviation over the networks tested, in parentheses
before training. Whatever is chosen (the state of a run that is kept, a baseline's learning rate) is chosen on held-out training
images; the test images are read once, at the end. "Paper" is Wang, Zhu, Torralba and Efros, arXiv 1811.10959v3.
"""


def minutes(seconds):
    return f"{int(seconds + 0.5) // 60}:{int(seconds + 0.5) % 60:02}"


def spread(mean, deviation, networks):
    return f"{mean:.2f}" if networks == 1 else f"{mean:.1f} +- {deviation:.1f}"


def figure(summary):
    """What a run reached, in one cell."""
    many = summary.get("networks_tested", summary.get("sets", 2))
    text = spread(summary["test_accuracy"], summary["test_accuracy_std"], many)
    if summary.get("initial_accuracy") is not None:
        text += f" ({summary['initial_accuracy']:.1f})"
    if "attack" in summary:
        attack = summary["attack"]
        text = (
            f"success {attack['success_ratio']['after']:.1f} +- {attack['success_ratio']['after_std']:.1f}"
            f" ({attack['success_ratio']['before']:.1f}), other classes"
            f" {attack['other_classes_accuracy']['after']:.1f} ({attack['other_classes_accuracy']['before']:.1f})"
        )
    if summary.get("method") and "learning_rate" in summary:
        text += f"; rate {summary['learning_rate']:g}, {summary['epochs']} epochs"
    if "neighbours" in summary:
        text += f"; K = {summary['k']}, {summary['distance']}"
    return text


def page():
    text = HEAD
    for table in TABLES:
        lines = []
        for row in table.rows:
            path = ROOT / "docs" / "results" / f"{row.name}.json"
            if not path.exists():
                continue
            record = json.loads(path.read_text())
            summary = record["summary"]
            note = f" {row.note}" if row.note else ""
            lines.append(
                f"| {row.what}{note} | {row.paper} | {figure(summary)} | {minutes(summary['wall_seconds'])} |"
                f" `{record['command']}` |"
            )
        if lines:
            text += f"\n## {table.title}\n\n{table.text}\n\n"
            text += "| | paper | here | time | command |\n|---|---|---|---|---|\n" + "\n".join(lines) + "\n"
    return text


def main():
    target = ROOT / "docs" / "results.md"
    if sys.argv[1:] == ["--check"]:
        if target.read_text() != page():
            sys.exit("docs/results.md is not what docs/results/*.json say; run bench/reproduce/results.py")
    elif sys.argv[1:]:
        sys.exit(__doc__)
    else:
        target.write_text(page())


if __name__ == "__main__":
    main()
