#!/usr/bin/env python3
"""Checks the references in README.md, CONTRIBUTING.md, CHANGELOG.md and docs/*.md; prints errors, and fails if any.

* Relative links: the file exists, and if the link ends in #name, has a heading of that name.
* Paths in backticks, such as `ops/linear.hpp`: the file exists relative to the root, include/hypertape or the page.
* In the tables of docs/paper-to-code.md, every word in backticks is an --option of the tool, the name of a row in
  bench/reproduce/rows.py, or a name that occurs in the file mentioned last before it on the line.
* Commands in shell blocks: scripts exist, and the tool and the benchmarks have the options.
* The figures in README.md's speed table are those of docs/performance.md, rounded.
"""

import pathlib
import re
import sys

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "bench" / "reproduce"))
from rows import all_rows  # noqa: E402

PATH = re.compile(r"[\w.-]+(/[\w.-]+)*/[\w-]+\.(hpp|cpp|py|sh|md|json)")
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def without_code(text):
    """The text with fenced blocks replaced by blank lines."""
    return FENCED.sub(lambda block: "\n" * block.group().count("\n"), text)


def anchors(page):
    """The anchors of the page's headings."""
    headings = re.findall(r"^#+ (.*)$", without_code(page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def find(path, page):
    for folder in (ROOT, ROOT / "include" / "hypertape", page.parent):
        if (folder / path).exists():
            return folder / path
    return None


def check_links(page, line):
    for target in re.findall(r"\]\(([^)\s]+)\)", line):
        if re.match(r"\w+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = page.parent / path if path else page
        if not file.exists():
            yield f"there is no {target}"
        elif anchor and anchor not in anchors(file):
            yield f"{path or 'the page'} has no heading #{anchor}"


def check_paths(page, line):
    for word in re.findall(r"`([^`]+)`", line):
        if PATH.fullmatch(word) and not find(word, page):
            yield f"there is no file {word}"


def check_names(page, line, rows, options):
    file = None
    for word in re.findall(r"`([^`]+)`", line):
        if PATH.fullmatch(word):
            file = find(word, page)
        elif word.startswith("--"):
            if word.split()[0] not in options:
                yield f"the tool has no option {word}"
        elif word not in rows:
            if file is None:
                yield f"{word} is not a row of bench/reproduce/rows.py, and no file is mentioned before it"
            elif not re.search(rf"(?<![\w~]){re.escape(word)}(?!\w)", file.read_text()):
                yield f"{file.relative_to(ROOT)} has no {word}"


def check_commands(text, options):
    """`options`: the options of each program in bin, by the start of its name."""
    for block in re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        for command in re.split(r"\n|&&", block):
            words = command.partition(" #")[0].split()
            for word in words[:2]:
                if PATH.fullmatch(word) and word.endswith((".sh", ".py")) and not (ROOT / word).exists():
                    yield f"there is no {word}"
            program = words[0].partition("bin/")[2] if words else ""
            for start, known in options.items():
                if program.startswith(start):
                    yield from (f"{program} has no option {word}" for word in words[1:] if word.startswith("--") and word.partition("=")[0] not in known)


def declared_options(headers):
    """The options that the library declares (distill/option.hpp)."""
    names = {name for path in headers for name in re.findall(r'visit\(\s*[\w.]+,\s*\{(?:\.name = )?"(\w+)"', path.read_text())}
    return {"--" + name.replace("_", "-") for name in names}


def options_in(sources):
    return {option for path in sources for option in re.findall(r'"(--[a-z-]+)', path.read_text())}


def tables(text):
    """The tables of a page, each as a dictionary from the first cell of a row to its other cells."""
    for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines()]
        yield {row[0].removesuffix(" *"): row[1:] for row in rows}


def is_rounded(shown, exact):
    """Whether the figure shown, such as "1.63 s" or "9.7x", is the exact one in ms, MB or times, rounded."""
    number, unit = re.fullmatch(r"([0-9.]+) ?(\w+)", shown).groups()
    unit = {"s": 1000, "GB": 1000}.get(unit, 1)
    digits = len(number.partition(".")[2])
    return abs(float(number) - float(exact) / unit) <= 0.5 * 10**-digits + 1e-9


def check_speed():
    of_readme = (ROOT / "README.md").read_text().split("\n## Speed")[1].split("\n## ")[0]
    times, memory = list(tables((ROOT / "docs" / "performance.md").read_text().split("\n## Compared with PyTorch")[1]))[:2]
    (shown,) = tables(of_readme)
    rows = {name: cells for name, cells in shown.items() if name and name.strip("-")}
    if not rows:
        yield "README.md: the speed table has no rows"
    for name, cells in rows.items():
        here, pytorch, ratio, tuned = (cell.replace("*", "").split(", ") for cell in cells[:4])
        pairs = list(zip([here[0], pytorch[0], *ratio, *tuned], times[name][:3] + times[name][4:5], strict=True))
        if cells[4] != times[name][5]:
            yield f"README.md: {name}: {cells[4]} is not {times[name][5]}"
        if len(here) > 1:
            pairs += [(here[1], memory[name][0]), (pytorch[1], memory[name][1])]
        yield from (f"README.md: {name}: {a} is not {b} rounded" for a, b in pairs if not is_rounded(a, b))


def main():
    options = options_in((ROOT / "tools" / "hypertape").glob("*.[ch]pp"))
    options |= declared_options((ROOT / "include" / "hypertape" / "distill").glob("*.hpp"))
    of_programs = {"hypertape": options, "bench_": options_in((ROOT / "bench").glob("*.[ch]pp"))}
    rows = all_rows()
    errors = []
    pages = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
    for page in pages + sorted((ROOT / "docs").glob("*.md")):
        errors += [f"{page.relative_to(ROOT)}: {what}" for what in check_commands(page.read_text(), of_programs)]
        for number, line in enumerate(without_code(page.read_text()).splitlines(), 1):
            found = [*check_links(page, line), *check_paths(page, line)]
            if page.name == "paper-to-code.md" and line.startswith("|"):
                found += check_names(page, line, rows, options)
            errors += [f"{page.relative_to(ROOT)}:{number}: {what}" for what in found]
    errors += check_speed()
    print("\n".join(errors), end="\n" if errors else "")
    sys.exit(1 if errors else 0)


if __name__ == "__main__":
    main()
