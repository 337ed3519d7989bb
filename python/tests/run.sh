#!/usr/bin/env bash
# Installs the package as docs/python.md has it, into a virtual environment in WORK_FOLDER, and runs its tests: run.sh
# WORK_FOLDER. CMAKE_ARGS says how it is compiled, HYPERTAPE_TOOL names the tool that it is compared with.
set -euo pipefail
package=$(cd "$(dirname "$0")/.." && pwd)
work=$1
left_out() { echo "left out: $1"; exit 77; }

python=
for candidate in python3 /usr/bin/python3; do  # the first may be one that Debian's packages are not for
  if "$candidate" -c 'import ensurepip, numpy, pytest, venv' 2>/dev/null; then
    python=$candidate
    break
  fi
done
[ -n "$python" ] || left_out "there is no Python with NumPy, pytest and venv (python3-numpy python3-pytest python3-venv)"
"$python" -c 'import pathlib, sysconfig; exit(not pathlib.Path(sysconfig.get_path("include"), "Python.h").exists())' ||
  left_out "there is no Python.h (Debian: python3-dev)"
pkg-config --exists pybind11 || left_out "there is no pybind11 (Debian: pybind11-dev)"

export PYTHONDONTWRITEBYTECODE=1
"$python" -m venv --system-site-packages --clear "$work/venv"
"$work/venv/bin/pip" install --no-index --config-settings "build-dir=$work/build" "$package" >"$work/pip.log" 2>&1 ||
  { cat "$work/pip.log"; exit 1; }
cd "$work"
"$work/venv/bin/python" -m pytest -q -rs -p no:cacheprovider "$package/tests"
