#!/usr/bin/env bash
# Installs those of the named Debian or Ubuntu packages that are missing: install.sh PACKAGE ... Prints nothing if none
# is missing. If it may not install them, it prints the command that would.
set -euo pipefail

if ! command -v dpkg-query >/dev/null; then
  echo "install.sh: this is not Debian or Ubuntu; install the equivalents of these packages: $*" >&2
  exit 0
fi
missing=()
for package in "$@"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

install=(apt-get install -y --no-install-recommends "${missing[@]}")
paste() {
  echo "install.sh: $1. As root:" >&2
  echo "  apt-get update && ${install[*]}" >&2
  exit 1
}
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || paste "packages are missing, and only root may install them"
  sudo -n true 2>/dev/null || { [ -t 0 ] && sudo -v; } || paste "packages are missing, and sudo may not install them"
  as_root=(sudo)
fi
echo "installing: ${missing[*]}"
${as_root[@]+"${as_root[@]}"} apt-get update -qq || paste "apt-get update failed"
${as_root[@]+"${as_root[@]}"} env DEBIAN_FRONTEND=noninteractive "${install[@]}" -qq >/dev/null || paste "apt-get could not install the packages"
