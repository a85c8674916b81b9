#!/usr/bin/env bash
# Runs the fuzz targets: everything that reads bytes from outside must survive them.
# Usage: scripts/fuzz.sh SECONDS [TARGET…]     (each target for SECONDS, at most FUZZ_JOBS (2) at a time; all without names;
#                                              0 seconds only build them)
#
# Needs cargo-fuzz. It is built without a sanitizer: this project denies `unsafe` but for one memory map, so overflows,
# failed assertions, memory and time are what there is to find, and a run tries several times as many inputs; the C in
# zstd is LLVM-fuzzed at its own home. FUZZ_SANITIZER=address builds with one. Sixteen codegen units make a cold build shorter. RUSTC_BOOTSTRAP lets the stable compiler
# take the flags that cargo-fuzz passes.
# A corpus grows in fuzz/corpus (not committed), from the seeds that fuzz/seeds.py writes. A crash leaves its input in
# fuzz/artifacts, shows it as base64 and makes this exit 1.
set -euo pipefail
seconds=${1:?usage: scripts/fuzz.sh SECONDS [TARGET…]}
shift
cd "$(dirname "$0")/.."
root=$PWD
sanitizer=${FUZZ_SANITIZER:-none}
target_dir=${CARGO_TARGET_DIR:+$CARGO_TARGET_DIR/fuzz}
export target_dir=${target_dir:-$root/fuzz/target} seconds root
export RUSTC_BOOTSTRAP=1
triple=$(rustc -vV | sed -n 's/^host: //p')
export binaries=$target_dir/$triple/release

known=$(sed -n 's|^path = "fuzz_targets/\(.*\)\.rs"$|\1|p' fuzz/Cargo.toml)
for name in "$@"; do
    grep -qx -- "$name" <<<"$known" || { echo "fuzz.sh: there is no target $name; there are:" $known >&2; exit 64; }
done
targets=${*:-$known}

one=()
[ $# -eq 1 ] && one=("$1")
# cargo-fuzz takes its target folder from this variable too.
CARGO_TARGET_DIR=$target_dir cargo fuzz build -s "$sanitizer" --codegen-units 16 ${one[@]+"${one[@]}"}
[ "$seconds" != 0 ] || exit 0
# shellcheck disable=SC2086 # one word a target
python3 fuzz/seeds.py fuzz/corpus $targets

results=$(mktemp -d)
export results
trap 'rm -rf "$results"' EXIT

# fuzz TARGET: runs it and leaves one line of figures, or a file that says how it fell.
fuzz() {
    local name=$1 most=65536 log="$results/$1.log" runs
    # A database has its pages, and SQLite's fixture has many.
    case $name in rpm_sqlite | trivy_db) most=327680 ;; esac
    mkdir -p "$root/fuzz/artifacts/$name"
    local status=0
    "$binaries/$name" "$root/fuzz/corpus/$name" -artifact_prefix="$root/fuzz/artifacts/$name/" \
        -max_total_time="$seconds" -rss_limit_mb=2048 -timeout=10 -max_len="$most" -print_final_stats=1 \
        >"$log" 2>&1 || status=$?
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log" | tail -n 1)
    echo "${runs:-0}" >"$results/$name.runs"
    if [ "$status" -eq 0 ]; then
        printf '%-20s %10s inputs, %s features\n' "$name" "${runs:-0}" "$(grep -oE 'ft: [0-9]+' "$log" | tail -n 1 | cut -c 5-)"
        return
    fi
    touch "$results/$name.fell"
    printf '%-20s fell (exit %s)\n' "$name" "$status"
    grep -aE -A 3 '^thread |panicked at|ERROR: libFuzzer|SUMMARY' "$log" | head -n 30 | sed 's/^/    | /'
    local input
    input=$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)
    if [ -n "$input" ] && [ -e "$input" ]; then
        echo "    input ${input#"$root"/}, $(wc -c <"$input") bytes; again: $binaries/$name ${input#"$root"/}"
        echo "    base64 of its first 4096 bytes: $(head -c 4096 "$input" | base64 -w 0)"
    fi
}
export -f fuzz
# shellcheck disable=SC2086
printf '%s\n' $targets | xargs -P "${FUZZ_JOBS:-2}" -I{} bash -c 'fuzz "$1"' _ {}

# shellcheck disable=SC2086
count=$(wc -w <<<"$targets")
inputs=$(cat "$results"/*.runs | awk '{ n += $1 } END { print n }')
fell=$(find "$results" -name '*.fell' | wc -l)
if [ "$fell" -gt 0 ]; then
    echo "say: $count targets, $inputs inputs in all, $fell fell"
    exit 1
fi
echo "say: $count targets, $inputs inputs in all, no crash"
