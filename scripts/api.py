#!/usr/bin/env python3
"""Writes docs/api.md, with one entry per public name in the headers: api.py [--check]

An entry is the first sentence of the name's documentation; names in `detail` are left out. --check changes nothing, and
fails if the page is out of date or if tests/ops/layouts.cpp does not cover an operation.
"""

import pathlib
import re
import sys
import textwrap

ROOT = pathlib.Path(__file__).resolve().parent.parent
HEADERS = ROOT / "include" / "hypertape"
PAGE = ROOT / "docs" / "api.md"
FOLDERS = ("core", "autodiff", "ops", "optim", "unroll", "nn", "io", "data", "distill")
TITLES = {
    "core": "Tensors, errors, random numbers, threads",
    "autodiff": "Tapes and derivatives",
    "ops": "Operations",
    "optim": "hypertape::optim, update rules and optimizers",
    "unroll": "Hypergradients",
    "nn": "hypertape::nn, networks and losses",
    "io": "hypertape::io, file formats",
    "data": "hypertape::data, datasets",
    "distill": "hypertape::distill, dataset distillation",
}
HEAD = """# Public names

The public names in hypertape's headers, each with the first sentence of its documentation; the headers have the rest.
Names in the first five sections are in namespace `hypertape` itself. Anything in a namespace `detail`, or in
`hypertape::kernels`, may change with any version. `scripts/api.py` writes this page.
"""
TYPE = re.compile(r"(?:template <.*> ?)?(?:class|struct|enum class|concept) (\w+)\b(?!;)")
ALIAS = re.compile(r"using (\w+) =")
VALUE = re.compile(r"inline constexpr [\w:<>]+(?: \w+)? (\w+)\b(?= =|\[|\{)")
FUNCTION = re.compile(r"(?:inline |constexpr |template <.*> )*[\w:]+(?:<.*?>)?(?:::\w+)?[ &*]+(operator\S+?|\w+)\(")


def declarations(header):
    """(name, first sentence) for each declaration in a public namespace of the header, in order."""
    namespaces, comment, group = [], [], None
    for line in header.read_text().splitlines():
        if opened := re.match(r"namespace ([\w: ]+) \{", line):
            namespaces.append(opened[1])
        elif line.startswith("}  // namespace"):
            namespaces.pop()
        if any("detail" in name for name in namespaces):
            continue
        if line.startswith("///"):
            comment.append(line[3:].strip())
            if "@}" in line:
                group, comment = None, []
            elif "@{" in line:
                group = "."
            continue
        if not line or line[0] in " }#/" or line.startswith(("template <", "requires", "namespace", "using hypertape")):
            if not line:
                comment = []
            if not line.startswith("template <") or not re.search(r"\b(class|struct)\b.*[({]", line.partition(">")[2]):
                continue
        for pattern in (TYPE, ALIAS, VALUE, FUNCTION):
            if found := pattern.match(line):
                sentence = first_sentence(comment) if comment or group is None else group
                group = group and sentence  # which is that of the others in @{ ... @}, too
                yield found[1], sentence
                break
        comment = []


def first_sentence(lines):
    text = " ".join(line for line in lines if line not in ("@{", "@}"))
    text = re.split(r"(?<=[^ .][.:])\s+(?=[A-Z@`(]|$)|  +", text + " ")[0].strip()
    return text.rstrip(":") + ("" if text.endswith((".", "?")) else ".")


def names(header):
    """The sentence for each name; of overloads, the first sentence that is more than "The same ..."."""
    found = {}
    for name, sentence in declarations(header):
        if sentence != "." and (name not in found or found[name].startswith("The same")):
            found[name] = sentence
    return found


def page():
    text = HEAD
    for folder in FOLDERS:
        text += f"\n## {TITLES[folder]}\n"
        for header in sorted((HEADERS / folder).glob("*.hpp")):
            if entries := names(header):
                text += f"\n[{folder}/{header.name}](../include/hypertape/{folder}/{header.name})\n\n"
                by_sentence = {}
                for name, sentence in entries.items():
                    by_sentence.setdefault(sentence, []).append(f"`{name}`")
                for sentence, alike in by_sentence.items():
                    line = textwrap.wrap(f"- {', '.join(alike)}: {sentence}", 118, subsequent_indent="  ",
                                         break_on_hyphens=False)
                    text += "\n".join(line) + "\n"
    return text


def missing_layouts():
    """Operations on Vars that tests/ops/layouts.cpp does not test with the other layout."""
    tested = set(re.findall(r'(?:\{|elementwise\(|of_two\()"([^"]+)"', (ROOT / "tests" / "ops" / "layouts.cpp").read_text()))
    operations = {name for header in (HEADERS / "ops").glob("*.hpp") for name in names(header) if not name[0].isupper()}
    compound = {"operator+=", "operator-=", "operator*=", "operator/="}  # written with the operators that are tested
    return sorted(operations - tested - {"apply_unary", "apply_binary", "one_hot"} - compound)


def main():
    if sys.argv[1:] not in ([], ["--check"]):
        sys.exit(__doc__)
    if missing := missing_layouts():
        sys.exit("tests/ops/layouts.cpp: no case for " + ", ".join(missing))
    if not sys.argv[1:]:
        PAGE.write_text(page())
    elif PAGE.read_text() != page():
        sys.exit("docs/api.md is out of date; run scripts/api.py")


if __name__ == "__main__":
    main()
