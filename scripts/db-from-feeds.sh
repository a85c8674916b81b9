#!/usr/bin/env bash
# Builds an advisory database from a folder of feed archives or folders (.tar.xz, .tar.gz, .zip, unpacked) and checks it.
#
#   scripts/db-from-feeds.sh FEEDS [OUT]
#
# OUT is target/feeds.db if left out. Prints counts by feed, the time to open and to look up. Fails if a feed could not
# be read whole, or if the same feeds give other bytes.
set -euo pipefail
feeds=${1:?usage: scripts/db-from-feeds.sh FEEDS [OUT]}
cd "$(dirname "$0")/.."
out=${2:-target/feeds.db}
mkdir -p "$(dirname "$out")"
shopt -s nullglob
inputs=("$feeds"/*.tar.xz "$feeds"/*.tar.gz "$feeds"/*.tar "$feeds"/*.zip "$feeds"/*.csv "$feeds"/*.csv.gz "$feeds"/*.json "$feeds"/*/)
if [ ${#inputs[@]} -eq 0 ]; then
    echo "db-from-feeds: no feeds in $feeds (archives or folders of advisories)" >&2
    exit 2
fi
at=${SOURCE_DATE_EPOCH:-$(date +%s)}
build() { SOURCE_DATE_EPOCH=$at cargo run --quiet --release -p plimsoll-advisories --example build_index -- "$@"; }
rm -f "$out" "$out.again"
build "$out" "${inputs[@]}" | tee "$out.log"
build "$out.again" "${inputs[@]}" > /dev/null
cmp "$out" "$out.again"
rm -f "$out.again"
grep -q ', 0 problems$' "$out.log" || { echo "db-from-feeds: feeds with problems, see above" >&2; exit 1; }
echo "db-from-feeds: $out is whole, and the same feeds give the same bytes"
