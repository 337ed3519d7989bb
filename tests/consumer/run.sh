#!/usr/bin/env bash
# Builds and runs, as an outside project would, the program of this folder in one of the ways that docs/including.md
# lists: run.sh WAY PREFIX WORK. WAY is a folder here, PREFIX where hypertape was installed, WORK a folder to build in.
#
# Of the environment: CXX compiles; EIGEN is the folder of Eigen's headers; OPENMP is ON if the compiler has OpenMP.
# There is no optimization: what is tested is that everything is found. Exit code 77: left out.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
way=$1 prefix=$2 work=$3/$1

fail() {
  echo "$way: $*" >&2
  exit 1
}
c++() { "$CXX" "${@//\/usr\/include\/eigen3/$EIGEN}"; }

rm -rf "$work"
mkdir -p "$work/third_party"
cp "$here/program.cpp" "$work"
cp "$here/$way"/* "$work"
ln -s "$here/../.." "$work/third_party/hypertape"
cd "$work"

case $way in
  pkg_config)
    command -v pkg-config >/dev/null || { echo "left out: there is no pkg-config"; exit 77; }
    export PKG_CONFIG_PATH="$prefix/share/pkgconfig:${PKG_CONFIG_PATH:-}"
    pkg-config --print-errors --exists hypertape-distill
    mkdir eigen5
    printf '%s\n' 'Name: eigen3' 'Description: as Eigen 5 has it' 'Version: 5.0.0' >eigen5/eigen3.pc
    PKG_CONFIG_PATH="$work/eigen5:$PKG_CONFIG_PATH" pkg-config --print-errors --exists hypertape
    ;;
  distill) (cd "$prefix/include" && find hypertape -name '*.hpp' -not -name mpi.hpp | sort | sed 's/.*/#include <&>/') >everything.hpp ;;
esac

if [ -f build.sh ]; then
  . ./build.sh
  exec ./program
fi

[ "$way" != fetch_content ] || OPENMP=OFF  # to see that the option is heeded
configure=(cmake -S . -B build -G "Unix Makefiles" -DCMAKE_PREFIX_PATH="$prefix" -DHYPERTAPE_OPENMP="$OPENMP"
  -DFETCHCONTENT_SOURCE_DIR_HYPERTAPE="$work/third_party/hypertape" -DCMAKE_EXPORT_COMPILE_COMMANDS=ON --no-warn-unused-cli)
if [ "$way" = eigen ]; then
  for eigen in target package; do
    for hypertape in folder installed; do
      "${configure[@]}" -B "build/$eigen-$hypertape" -DEIGEN="$EIGEN" -DEIGEN_IS="$eigen" -DHYPERTAPE_IS="$hypertape"
      cmake --build "build/$eigen-$hypertape"
      "build/$eigen-$hypertape/program"
    done
  done
  exit 0
fi
"${configure[@]}"
[ "$way" != refusals ] || exit 0
cmake --build build --parallel "$(nproc)"
if [ "$way" = examples ]; then  # which also do what the pages say, and are short
  root=third_party/hypertape
  # One concept in fewer than 80 lines; the two that docs/course.md teaches from are read from end to end.
  wc -l "$root"/examples/*.cpp | awk '
    {limit = 80} /minimal_tape/ {limit = 151} /hypergradient_by_hand/ {limit = 101}
    $2 != "total" && $1 >= limit {print $2 " has " limit " lines or more"; bad = 1} END {exit bad}'
  basename -s .cpp -a "$root"/examples/*.cpp | xargs -P "$(nproc)" -I NAME \
    python3 "$root/scripts/check_output.py" "$root/docs/examples.md" NAME.cpp build/NAME
  python3 "$root/scripts/check_output.py" "$root/README.md" hypergradient.cpp build/hypergradient
  exit 0
fi
commands=build/compile_commands.json
[ "$(grep -c '"file":' $commands)" -eq "$(find . -maxdepth 1 -name '*.cpp' | wc -l)" ] ||
  fail "hypertape builds programs of its own in a project that includes it"
! grep -E ' -(march|W|O)' $commands || fail "options of hypertape's own programs leak"
[ "$OPENMP" = "$(grep -q -e -fopenmp $commands && echo ON || echo OFF)" ] || fail "OpenMP is not $OPENMP"
exec build/program
