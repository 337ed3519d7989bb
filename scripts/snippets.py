#!/usr/bin/env python3
"""Fills code blocks of README.md, CONTRIBUTING.md and docs/*.md from compiled or executed files: snippets.py [--check]

A comment right before a block names its source:

    <!-- snippet: include/hypertape/ops/math.hpp Var<T> square(Var<T> x) { -->

The text after the path must occur in exactly one line of code in that file. The block is the definition or statement
that begins there, with the `template` line above it. Without a text, it is the whole file except its top comment.
Every C++ and CMake block needs such a comment. --check changes nothing, and fails if a block differs from its file.
"""

import pathlib
import re
import sys
import textwrap

ROOT = pathlib.Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"^<!-- snippet: (\S+) ?(.*?) ?-->\n```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def pages():
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def code(line):
    """The line without comments, strings and character literals, as brackets in these do not count."""
    return re.sub(r'//.*|"(\\.|[^"\\])*"|\'(\\.|[^\'\\])\'', "", line).rstrip()


def whole_file(lines):
    start = next(i for i, line in enumerate(lines) if line and not line.startswith("//"))
    return lines[start:]


def statement(lines, text):
    """The lines of the statement that begins at the only line with this text."""
    found = [i for i, line in enumerate(lines) if text in line and code(line)]
    if len(found) != 1:
        raise ValueError(f"{len(found)} lines of code have the text '{text}', expected one")
    first = end = found[0]
    depth = 0
    while True:
        line = code(lines[end])
        depth += sum(line.count(bracket) for bracket in "([{") - sum(line.count(bracket) for bracket in ")]}")
        end += 1
        if depth == 0 and line.endswith((";", "}")):
            break
    if lines[first - 1].lstrip().startswith("template"):
        first -= 1
    return lines[first:end]


def snippet(path, text):
    lines = (ROOT / path).read_text().splitlines()
    return textwrap.dedent("\n".join(statement(lines, text) if text else whole_file(lines))) + "\n"


def main():
    check = sys.argv[1:] == ["--check"]
    if sys.argv[1:] and not check:
        sys.exit(__doc__)
    errors = []
    for page in pages():
        name = page.relative_to(ROOT)

        def fill(match):
            path, text, language, block = match.groups()
            try:
                wanted = snippet(path, text)
            except (OSError, ValueError, IndexError) as error:
                errors.append(f"{name}: snippet {path} {text}: {error}")
                return match.group()
            if check and block != wanted:
                errors.append(f"{name}: the block differs from {path} at '{text}'; run scripts/snippets.py")
            return match.group().replace(f"```{language}\n{block}", f"```{language}\n{wanted}")

        before = page.read_text()
        after = BLOCK.sub(fill, before)
        filled = [language for _, _, language, _ in BLOCK.findall(before)]
        bare = any(before.count(f"\n```{language}\n") != filled.count(language) for language in ("cpp", "cmake"))
        if bare or before.count("\n<!-- snippet:") != len(filled):
            errors.append(f"{name}: each C++ or CMake block needs a line <!-- snippet: PATH [TEXT] --> before it, and each such line a block")
        if not check and after != before:
            page.write_text(after)
    for error in errors:
        print(error, file=sys.stderr)
    sys.exit(1 if errors else 0)


if __name__ == "__main__":
    main()
