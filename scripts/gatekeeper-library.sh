#!/usr/bin/env bash
# Runs every case of every suite of gatekeeper-library through `plimsoll gator verify`, the templates as they are:
#   scripts/gatekeeper-library.sh PLIMSOLL DIR
set -euo pipefail
plimsoll=${1:?usage: gatekeeper-library.sh PLIMSOLL DIR}
folder=${2:?usage: gatekeeper-library.sh PLIMSOLL DIR}
status=0
out=$("$plimsoll" gator verify -v "$folder/...") || status=$?
grep -A 4 FAIL <<<"$out" | head -n 60 || true
passed=$(grep -c '^    --- PASS' <<<"$out" || true)
failed=$(grep -c '^    --- FAIL' <<<"$out" || true)
suites=$(grep -cE '^(ok|FAIL)'$'\t' <<<"$out" || true)
echo "say: $suites suites, $passed of $((passed + failed)) cases as asserted"
[ "$status" -eq 0 ] && [ "$passed" -gt 0 ]
