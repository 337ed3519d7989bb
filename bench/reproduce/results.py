#!/usr/bin/env python3
"""Writes docs/results.md, and the results in README.md, from docs/results/*.json, which reproduce.py makes: results.py [--check]

--check writes nothing, and fails if they are not what the summaries say.
"""

import json
import sys

from reproduce import ROOT
from rows import HEADLINES, TABLES, all_rows

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
    if "largest_error" in summary:
        excess = max(learned - bound for learned, bound in zip(summary["learned"], summary["bound"]))
        least = min(bound for bound in summary["bound"] if bound > 0)
        return (
            f"M = D ends at most {summary['largest_error']:.0e} from the solution, of {summary['starts_tested']:,} starts;"
            f" M < D leaves at least {least}, and learned points come within {excess:.0e} of the bound"
        )
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


def line(row, what):
    """The row of a table, none if it was not run."""
    path = ROOT / "docs" / "results" / f"{row.name}.json"
    if not path.exists():
        return ""
    record = json.loads(path.read_text())
    summary = record["summary"]
    return (
        f"| {what} | {row.paper} | {figure(summary)} | {minutes(summary['wall_seconds'])} |"
        f" `{record['command']}` |\n"
    )


TABLE_HEAD = "| | paper | here | time | command |\n|---|---|---|---|---|\n"


def page():
    text = HEAD
    for table in TABLES:
        lines = "".join(line(row, f"{row.what} {row.note}".strip()) for row in table.rows)
        if lines:
            text += f"\n## {table.title}\n\n{table.text}\n\n{TABLE_HEAD}{lines}"
    return text


def readme(present):
    """README.md with its table of results renewed."""
    begin, end = "<!-- results -->\n", "<!-- end of results -->\n"
    before, rest = present.split(begin)
    rows = all_rows()
    lines = "".join(line(rows[name], what) for name, what in HEADLINES.items())
    return before + begin + TABLE_HEAD + lines + end + rest.split(end)[1]


def main():
    page_path, readme_path = ROOT / "docs" / "results.md", ROOT / "README.md"
    made = {page_path: page(), readme_path: readme(readme_path.read_text())}
    if sys.argv[1:] == ["--check"]:
        for path, text in made.items():
            if path.read_text() != text:
                sys.exit(f"{path.name} is not what docs/results/*.json say; run bench/reproduce/results.py")
    elif sys.argv[1:]:
        sys.exit(__doc__)
    else:
        for path, text in made.items():
            path.write_text(text)


if __name__ == "__main__":
    main()
