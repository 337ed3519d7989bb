#!/usr/bin/env bash
# Makes the reference in build/doxygen/html/index.html, and installs Doxygen if it is missing. A warning is an error.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/install.sh doxygen
mkdir -p build
doxygen docs/Doxyfile
echo "build/doxygen/html/index.html"
