#!/usr/bin/env bash
# Builds the reference in build/doxygen/html/index.html, and installs Doxygen if it is missing. Warnings are errors.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/install.sh doxygen
mkdir -p build
doxygen docs/Doxyfile
echo "build/doxygen/html/index.html"
