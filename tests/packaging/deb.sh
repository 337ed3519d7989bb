#!/usr/bin/env bash
# The Debian package of the headers: deb.sh BUILD VERSION PREFIX WORK. packaging/debian/smoke_test.sh installs it, and
# the tool's. Exit code 77: left out.
set -euo pipefail
build=$1 version=$2 prefix=$3 work=$4
command -v dpkg-deb >/dev/null || { echo "left out: there is no dpkg-deb"; exit 77; }
fail() {
  echo "deb.sh: $*" >&2
  exit 1
}

rm -rf "$work"
mkdir -p "$work"
cd "$work"
cpack --config "$build/CPackConfig.cmake" -G DEB -B "$work" -D CPACK_COMPONENTS_ALL=hypertape-dev
deb=$work/libhypertape-dev_$version-1_all.deb
[ "$(dpkg-deb -f "$deb" Package Version Architecture Depends)" = "Package: libhypertape-dev
Version: $version-1
Architecture: all
Depends: libeigen3-dev (>= 3.4)" ] || fail "$(dpkg-deb -f "$deb")"

dpkg-deb -x "$deb" root
doc=root/usr/share/doc/libhypertape-dev
grep -qxF 'License: Expat' $doc/copyright || fail "the copyright names no license"
grep -qF 'THE SOFTWARE IS PROVIDED "AS IS"' $doc/copyright || fail "the copyright has no license's text"
zcat $doc/changelog.Debian.gz | grep -qxF "libhypertape-dev ($version-1) unstable; urgency=medium" ||
  fail "changelog.Debian.gz: $(zcat $doc/changelog.Debian.gz)"
zcat $doc/changelog.gz | grep -qF "## [$version]" || fail "changelog.gz does not have version $version"
rm -r root/usr/share/doc
diff -r "$prefix" root/usr || fail "the package has other files than cmake --install"

# What was built for this machine's processor is not handed out.
if grep -q '^HYPERTAPE_NATIVE:BOOL=ON$' "$build/CMakeCache.txt"; then
  ! grep 'CPACK_COMPONENTS_ALL .*hypertape-tool' "$build/CPackConfig.cmake" ||
    fail "the tool for this machine's processor would be packaged"
fi
