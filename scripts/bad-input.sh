#!/usr/bin/env bash
# bad-input.sh WORK: makes hostile inputs with Python's standard library and checks that each is refused (1) or left open
# (2) with a word, never allowed, never a crash, in bounded time and memory. PLIMSOLL_BIN names the program.
set -euo pipefail
cd "$(dirname "$0")/.."
work=${1:?usage: bad-input.sh WORK}
mkdir -p "$work"
exec python3 -I scripts/bad_input.py "${PLIMSOLL_BIN:-target/release/plimsoll}" "$work" crates/plimsoll/tests/policies/allow-all.yaml
