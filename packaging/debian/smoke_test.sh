#!/usr/bin/env bash
# Installs Debian packages of hypertape in a bare Debian 12 and uses them there: smoke_test.sh DEB ...
# As root; installs mmdebstrap if it is missing, and loads about 250 MB of packages into a temporary folder.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
[ $# -gt 0 ] || { echo "usage: smoke_test.sh DEB ..." >&2; exit 2; }
"$here/../../scripts/install.sh" mmdebstrap

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mmdebstrap --quiet --variant=apt bookworm "$root"
cp "$@" "$root/tmp"
mkdir -p "$root/tmp/project/tests"
cp -r "$here/../../tests/consumer" "$root/tmp/project/tests"
inside() {
  env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive CXX=g++ \
    EIGEN=/usr/include/eigen3 OPENMP=ON chroot "$root" "$@"
}
install() { inside apt-get install -y --no-install-recommends -qq "$@" >/dev/null; }
outside_project() {  # outside_project WAY: as tests/consumer has it
  inside /tmp/project/tests/consumer/run.sh "$1" /usr /tmp/work
}
inside apt-get update -qq

for deb in "$@"; do
  package=$(dpkg-deb -f "$deb" Package)
  version=$(dpkg-deb -f "$deb" Version)
  echo "== $package $version"
  install "/tmp/$(basename "$deb")"
  case $package in
    hypertape)
      [ "$(inside hypertape --version)" = "${version%-*}" ]
      inside hypertape distill --dataset glyphs --iterations 5 --out /tmp/run
      ;;
    libhypertape-dev)
      install g++ make cmake
      outside_project find_package
      read -ra recommended <<<"$(dpkg-deb -f "$deb" Recommends | tr -d ,)"
      install "${recommended[@]}"
      outside_project pkg_config
      outside_project distill
      ;;
    *) echo "smoke_test.sh: does not know the package $package" >&2; exit 1 ;;
  esac
done
echo "passed"
