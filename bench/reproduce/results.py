#!/usr/bin/env python3
"""Writes docs/results.md, its charts, the results in README.md and the words below its picture from docs/results/*.json, which reproduce.py makes.

results.py [--check] [--tool FILE]: the tool draws the charts. --check writes nothing, and fails if they are not what the
summaries say, or if a row of rows.py has no summary, or one of another command, and no reason why.
"""

import argparse
import csv
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import textwrap

from reproduce import RESULTS, ROOT, SUMS, checksums
from rows import ELSEWHERE, FOR_ANY, HEADLINES, PICTURE, STORED, TABLES, all_rows

HEAD = """# Results

`bench/reproduce/results.py` makes this page from the summaries in [results/](results/). To run a row and the rows that it needs
again, use `bench/reproduce/reproduce.py ROW`; `--list` has the names. `--out` and, if need be, `--data` come on top of each
command, and `{NAME}` is the folder of row NAME.

Figures are percent of the test images, as mean +- standard deviation over the networks tested; in parentheses before training.
"Paper" is Wang, Zhu, Torralba and Efros, arXiv 1811.10959v3. Everything that a run chooses (the state that is kept, a baseline's
learning rate) is chosen on held-out training images; the test images are read once, at the end of a run. The settings were chosen
less strictly: those of several rows, above all with random initializations, were found by trying others whose test accuracy was
seen ([which](distillation.md#why-these-defaults)).

Rows were run by versions 0.1 to 0.8, built with g++ 12.2, on two cores of an Intel Xeon or an AMD EPYC, most of them with AVX-512
and some next to other work. Times are for the whole command; times compare only roughly. A row that starts from the set of another
may have used an earlier run of it.

The sets of some rows are kept in [results/sets/](results/sets/) ({stored}), with checksums in `SHA256SUMS`. To test one again,
use the options of its row, for example

    hypertape evaluate --dataset mnist --net convnet --initializer pytorch --init random --protocol free \\
      --width 32 --distilled docs/results/sets/unordered-mnist-1.npz --test-networks 2 --out out/unordered-mnist-1
"""


def minutes(seconds):
    return f"{int(seconds + 0.5) // 60}:{int(seconds + 0.5) % 60:02}"


def figure(summary):
    """What a run reached, in one cell."""
    if "attack" in summary:
        attack = summary["attack"]
        return (
            f"success {attack['success_ratio']['after']:.1f} +- {attack['success_ratio']['after_std']:.1f}"
            f" ({attack['success_ratio']['before']:.1f}), other classes"
            f" {attack['other_classes_accuracy']['after']:.1f} ({attack['other_classes_accuracy']['before']:.1f})"
        )
    if "largest_error" in summary:
        excess = max(learned - bound for learned, bound in zip(summary["learned"], summary["bound"]))
        least = min(bound for bound in summary["bound"] if bound > 0)
        return (
            f"M = D ends at most {summary['largest_error']:.0e} from the solution, of {summary['starts_tested']:,} starts;"
            f" M < D leaves at least {least}, and learned points come within {excess:.0e} of the bound"
        )
    one = summary.get("networks_tested") == 1 or ("neighbors" in summary and summary["sets"] == 1)
    text = f"{summary['test_accuracy']:.2f}" if one else f"{summary['test_accuracy']:.1f} +- {summary['test_accuracy_std']:.1f}"
    if summary.get("initial_accuracy") is not None:
        text += f" ({summary['initial_accuracy']:.1f})"
    if summary.get("method") and ("learning_rate" in summary or "learned_rates" in summary):
        text += f"; rate {summary['learning_rate']:g}" if summary.get("learning_rate") else "; learned rates"
        text += f", {summary['epochs']} epochs"
    protocol = summary.get("protocol", {})
    if "real_images" in summary and (protocol["name"] == "free" or not protocol["ordered"]):
        text += f"; real images {summary['real_images']['test_accuracy']:.1f}"
        if "hard_labels" in summary:
            text += f"; under hard labels {summary['hard_labels']['test_accuracy']:.1f} and {summary['hard_labels']['real_images']['test_accuracy']:.1f}"
    if "neighbors" in summary:
        text += f"; K = {summary['k']}, {summary['distance']}"
    return text


def record_of(row):
    """What reproduce.py wrote of a row, none if it was not run."""
    path = RESULTS / f"{row.name}.json"
    return json.loads(path.read_text()) if path.exists() else None


def line(row, what):
    """The row of a table; of one that was not run why not."""
    record = record_of(row)
    if not record:
        return f"| {what} | {row.paper} | {row.absent} | | `hypertape {row.options}` |\n"
    summary = record["summary"]
    return (
        f"| {what} | {row.paper} | {figure(summary)} | {minutes(summary['wall_seconds'])} |"
        f" `{record['command']}` |\n"
    )


TABLE_HEAD = "| | paper | here | time | command |\n|---|---|---|---|---|\n"


def wrapped(text):
    """Paragraphs in lines of at most 120 columns."""
    fill = lambda part: textwrap.fill(part, 120, break_long_words=False, break_on_hyphens=False)
    return "\n\n".join(part if part.startswith(("#", "    ")) else fill(part) for part in text.strip().split("\n\n"))


def page():
    text = wrapped(HEAD.replace("{stored}", ", ".join(f"`{name}`" for name in STORED))) + "\n"
    for table in TABLES:
        lines = "".join(line(row, row.what) for row in table.rows)
        text += f"\n## {table.title}\n\n{wrapped(table.text)}\n\n{TABLE_HEAD}{lines}"
        if table.chart:
            text += f"\n![{table.title}](images/{table.chart}.svg)\n"
        if table.curve:
            what = "Accuracy on the held-out images over the iterations"
            text += f"\n{what} of `{table.curve}`:\n\n![{what}](images/curve-{table.curve}.svg)\n"
        if table.race and csv_of(table.race).exists():
            text += f"\n![Accuracy on the held-out images over seconds](images/{table.race}.svg)\n\n{wrapped(pace(table.race))}\n"
    return text


def csv_of(name):
    return RESULTS / f"{name}.csv"


def points_of(name):
    """(seconds, percent of the held-out images) of a run's evaluations."""
    with open(csv_of(name)) as file:
        return [(float(line["seconds"]), float(line["hold_out_score"])) for line in csv.DictReader(file)]


def pace(name):
    """What either reached, in which time."""
    runs = [(who, points_of(file)) for who, file in (("hypertape", name), ("PyTorch", f"{name}-pytorch"))]
    went = [f"{who} went from {run[0][1]:.1f} to {run[-1][1]:.1f} % in {minutes(run[-1][0])}" for who, run in runs]
    return ", ".join(went) + "."


def stale(row):
    """What is wrong with a row: it was made by another command, or has neither figures nor a reason; nothing if it is as it should be."""
    record = record_of(row)
    if record and record["command"] != f"hypertape {row.options}":
        return f"{row.name} was made by another command: {record['command']}"
    if not record and not row.absent:
        return f"{row.name} was not run, and rows.py does not say why"
    return ""


def chart(table, tool):
    """The SVG of a table's accuracies over what its rows are called, drawn by the tool."""
    points = [(row.what, record_of(row)) for row in table.rows]
    x_label = table.title.split(" over ")[1].removeprefix("the ")
    with tempfile.TemporaryDirectory() as folder:
        points_csv, svg = pathlib.Path(folder) / "table.csv", pathlib.Path(folder) / "chart.svg"
        points_csv.write_text("x,y\n" + "".join(f"{x},{record['summary']['test_accuracy']}\n" for x, record in points if record))
        subprocess.run([tool, "chart", points_csv, "--y", "y", "--title", table.title, "--x-label", x_label,
                        "--y-label", "test accuracy, percent", "--out", svg], check=True, stdout=subprocess.DEVNULL)
        return svg.read_text()


def curve(name, tool):
    """The SVG of a run's score of held-out images over its iterations, drawn by the tool."""
    with tempfile.TemporaryDirectory() as folder:
        svg = pathlib.Path(folder) / "curve.svg"
        subprocess.run([tool, "chart", csv_of(name), "--x", "iteration", "--y", "hold_out_score",
                        "--y-label", "held-out images, percent right", "--title", name, "--out", svg], check=True,
                       stdout=subprocess.DEVNULL)
        return svg.read_text()


def race(name, tool):
    """The SVG of two scores over seconds: a run's and PyTorch's."""
    rows = [f"{seconds},{score}," for seconds, score in points_of(name)]
    rows += [f"{seconds},,{score}" for seconds, score in points_of(f"{name}-pytorch")]
    with tempfile.TemporaryDirectory() as folder:
        both, svg = pathlib.Path(folder) / "both.csv", pathlib.Path(folder) / "race.svg"
        both.write_text("\n".join(["seconds,hypertape,PyTorch", *rows]) + "\n")
        subprocess.run([tool, "chart", both, "--y", "hypertape,PyTorch", "--y-label", "held-out images, percent right", "--title",
                        "Accuracy over seconds", "--out", svg], check=True, stdout=subprocess.DEVNULL)
        return svg.read_text()


def renewed(page, part, text):
    """The page with other text between the comments that begin and end a part."""
    begin, end = f"<!-- {part} -->\n", f"<!-- end of {part} -->\n"
    before, rest = page.split(begin)
    return before + begin + text + end + rest.split(end)[1]


def caption(rows):
    """What the picture's ten images are worth, to the initialization that they were made for and to others."""
    summary, elsewhere, for_any = (record_of(rows[name])["summary"] for name in (PICTURE, ELSEWHERE, FOR_ANY))
    return (
        f"*Ten images, one for each digit, take this LeNet from {summary['initial_accuracy']:.1f} % to"
        f" **{summary['test_accuracy']:.1f} %** on MNIST's test set in three steps\n"
        f"of gradient descent. Learning them took {summary['wall_seconds']:.0f} seconds on two cores. They are made for"
        f" one initialization: LeNets that\n"
        f"start elsewhere stay at {elsewhere['test_accuracy']:.1f} %. A hundred images made for any initialization take new LeNets to"
        f" {for_any['test_accuracy']:.1f} %.*\n"
    )


def readme(present):
    """README.md with its results renewed."""
    rows = all_rows()
    lines = "".join(line(rows[name], what) for name, what in HEADLINES.items())
    return renewed(renewed(present, "caption", caption(rows)), "results", TABLE_HEAD + lines)


def meaning(path, text):
    """What a file must say: everything; of a chart its title and description, for its outlines depend on the fonts here."""
    return re.findall("<(?:title|desc)>.*", text) if path.suffix == ".svg" else text


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tool", default=str(ROOT / "build/tool/bin/hypertape"))
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    wrong = [text for text in map(stale, all_rows().values()) if text]
    if not SUMS.exists() or SUMS.read_text() != checksums():
        wrong.append(f"{SUMS.name} is not of the sets beside it")
    if options.check and wrong:
        sys.exit("\n".join(wrong))
    readme_path = ROOT / "README.md"
    made = {ROOT / "docs" / "results.md": page(), readme_path: readme(readme_path.read_text())}
    for table in TABLES:
        if table.chart and any(map(record_of, table.rows)):
            made[ROOT / "docs" / "images" / f"{table.chart}.svg"] = chart(table, options.tool)
        if table.curve:
            made[ROOT / "docs" / "images" / f"curve-{table.curve}.svg"] = curve(table.curve, options.tool)
        if table.race and csv_of(table.race).exists():
            made[ROOT / "docs" / "images" / f"{table.race}.svg"] = race(table.race, options.tool)
    for path, text in made.items():
        if not options.check:
            path.write_text(text)
        elif not path.exists() or meaning(path, path.read_text()) != meaning(path, text):
            sys.exit(f"{path.name} is not what docs/results/*.json say; run bench/reproduce/results.py")


if __name__ == "__main__":
    main()
