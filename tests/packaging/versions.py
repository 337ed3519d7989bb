#!/usr/bin/env python3
"""Whatever repeats the version, or the day of its release, agrees with core/config.hpp: versions.py VERSION."""

import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
VERSION = sys.argv[1]
wrong = []


def check(what, found, expected):
    if found != expected:
        wrong.append(f"{what} has {found}, not {expected}")


def first(pattern, path):
    found = re.search(pattern, (ROOT / path).read_text(), re.M)
    return found[1] if found else None


config = (ROOT / "include/hypertape/core/config.hpp").read_text()
numbers = (re.search(rf"HYPERTAPE_VERSION_{part} (\d+)", config)[1] for part in ("MAJOR", "MINOR", "PATCH"))
check("CMake", VERSION, ".".join(numbers))
check("CHANGELOG.md's newest", first(r"^## \[([\d.]+)\] - ", "CHANGELOG.md"), VERSION)
check("CITATION.cff's version", first(r"^version: (.*)$", "CITATION.cff"), VERSION)
check("CITATION.cff's date-released", first(r"^date-released: (.*)$", "CITATION.cff"),
      first(r"^## \[[\d.]+\] - ([\d-]+)$", "CHANGELOG.md"))
for manifest in (ROOT / "packaging/vcpkg").rglob("vcpkg.json"):
    check(manifest.relative_to(ROOT), json.loads(manifest.read_text())["version"], VERSION)
sys.exit("\n".join(wrong) or 0)
