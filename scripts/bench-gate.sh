#!/usr/bin/env bash
# Measures `plimsoll serve` against the floor, a bare axum + rustls server that only parses and allows (bench/gate), all
# in one run, and prints the table of docs/performance.md.
#
#   scripts/bench-gate.sh WORK
#
# WORK keeps certificates, reviews, the image (made by scripts/make-debian-image.sh, which as root on Debian needs
# debootstrap, umoci and skopeo), the registry (docker-registry, apache2-utils), logs, and the figures in bench-gate.json.
#
#   PLIMSOLL_BIN=FILE    the program to measure, rather than the release build of this tree
#   GATE=floor           no gate at all: the floor against itself, which tells this machine's noise
#   BENCH_ROUNDS=5       alternating rounds of each kind
#   BENCH_SECONDS=10     length of a round
#   BENCH_REVIEWS=1000000  reviews before memory is read
#   BENCH_CONNECTIONS=32   kept-alive connections
#   BENCH_RATE=2000        reviews a second in the open loop
#   BENCH_PARTS=pods,policies  only these of cold, pods, images, open, policies (50 templates and 200 constraints), memory, ready
#   BENCH_IMAGE=LAYOUT:TAG an OCI layout to judge instead of Debian's
#
# A quiet machine gives better figures; ratios bear noise better than times.
set -euo pipefail
cd "$(dirname "$0")/.."
work=${1:?usage: scripts/bench-gate.sh WORK}
mkdir -p "$work"
work=$(cd "$work" && pwd)
# Its own target folder always: dependencies have other features here than in the workspace.
CARGO_TARGET_DIR=bench/gate/target cargo build --quiet --release --locked --manifest-path bench/gate/Cargo.toml
if [ "${GATE:-plimsoll}" = plimsoll ]; then
    if [ -z "${PLIMSOLL_BIN:-}" ]; then
        cargo static
        export PLIMSOLL_BIN=${CARGO_TARGET_DIR:-target}/release/plimsoll
    fi
    if [ -z "${BENCH_IMAGE:-}" ]; then
        scripts/make-debian-image.sh "$work/image"
        export BENCH_IMAGE=$work/image/oci:bookworm
    fi
fi
exec python3 scripts/bench_gate.py --bin bench/gate/target/release --work "$work"
