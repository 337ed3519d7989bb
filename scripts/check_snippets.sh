#!/usr/bin/env bash
# A block of a page that follows a line `<!-- file: PATH -->` is that file of the project: check_snippets.sh PAGE.
set -euo pipefail
cd "$(dirname "$0")/.."
page=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

awk -v folder="$folder" '
  /^<!-- file: .* -->$/ {file = $3; next}
  /^```/ {
    if (out) {close(out); out = ""}
    else if (file) {out = folder "/" ++count; print file > (folder "/files"); printf "" > out}
    file = ""
    next
  }
  out {print > out}' "$page"

[ -s "$folder/files" ] || { echo "$page names no file"; exit 1; }
number=0 bad=0
while read -r file; do
  number=$((number + 1))
  diff --label "$page" --label "$file" -u "$folder/$number" "$file" || bad=1
done <"$folder/files"
exit $bad
