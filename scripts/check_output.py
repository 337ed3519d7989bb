#!/usr/bin/env python3
"""Compares the output of a program with the output shown on a page: check_output.py PAGE NAME PROGRAM

The expected output is the page's first ```text block after its first mention of NAME. Numbers may differ by two
percent, as compilers round differently. The program runs in an empty folder.
"""

import pathlib
import re
import subprocess
import sys
import tempfile

NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?")


def expected_output(page, name):
    after = re.split(rf"(?<!\w){re.escape(name)}", page.read_text(), maxsplit=1)
    if len(after) < 2 or "```text\n" not in after[1]:
        sys.exit(f"{page}: shows no output of {name}")
    return after[1].split("```text\n", 1)[1].split("```", 1)[0]


def same(expected, printed):
    """Whether the words are equal, and the numbers nearly so."""
    if NUMBER.sub("#", expected) != NUMBER.sub("#", printed):
        return False
    pairs = zip(map(float, NUMBER.findall(expected)), map(float, NUMBER.findall(printed)))
    return all(abs(a - b) <= 0.02 * abs(a) for a, b in pairs)


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    page, name, program = pathlib.Path(sys.argv[1]), sys.argv[2], pathlib.Path(sys.argv[3]).resolve()
    with tempfile.TemporaryDirectory() as folder:
        result = subprocess.run([program], cwd=folder, capture_output=True, text=True, check=False)
    print(result.stdout, result.stderr)
    if result.returncode != 0:
        sys.exit(f"{name}: exit code {result.returncode}")
    expected = expected_output(page, name)
    if not same(expected, result.stdout):
        sys.exit(f"{name}: {page.name} expects:\n{expected}")


if __name__ == "__main__":
    main()
