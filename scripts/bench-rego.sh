#!/usr/bin/env bash
# Measures plimsoll-rego beside regorus and the real OPA (bench/rego) and prints the table of docs/performance.md:
#
#   scripts/bench-rego.sh WORK [GATEKEEPER-LIBRARY]
#
# WORK keeps the real OPA, which needs Go to be built. Run it on a quiet machine; ratios bear noise better than times.
set -euo pipefail
cd "$(dirname "$0")/.."
work=${1:?usage: scripts/bench-rego.sh WORK [GATEKEEPER-LIBRARY]}
library=${2:-${PLIMSOLL_SHARED:-../shared}/conformance/gatekeeper-library}
scripts/peers/build-opa.sh "$work/opa" >&2
# Its own target folder always: dependencies have other features here than in the workspace.
target=${BENCH_TARGET_DIR:-bench/rego/target}
CARGO_TARGET_DIR=$target cargo build --quiet --release --locked --manifest-path bench/rego/Cargo.toml
exec "$target/release/plimsoll-bench-rego" "$work/opa/peer" "$library"
