#!/usr/bin/env bash
# Holds our version orders against the ecosystems' own programs on generated pairs, from a fixed seed:
#   scripts/peers/versions.sh [COUNT] [SEED]
# Prints "KIND: N compared, M differ" for each, and fails when one differs. A peer that is not installed is said.
# Debian packages that bring them: dpkg rpm python3-packaging npm libmaven3-core-java + a JRE, ruby.
set -euo pipefail
cd "$(dirname "$0")/../.."
count=${1:-2000} seed=${2:-1} failed=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cargo build -q -p plimsoll-advisories --example compare_versions
ours="${CARGO_TARGET_DIR:-target}/debug/examples/compare_versions"
here=scripts/peers

# compare KIND OUR-ARGUMENTS PEER...   ('?' from either side = it refuses the pair)
# Where the peer refuses a pair of semver's, ours may be lenient: NuGet's, Swift's, … versions are read by it too.
compare() {
    local kind=$1 arguments=$2 n=$count differ
    shift 2
    [ "$kind" != dpkg ] || n=$((count / 4)) # one process for each pair
    python3 "$here/version_pairs.py" "$kind" "$seed" "$n" >"$work/pairs"
    # shellcheck disable=SC2086 # the arguments are words
    "$ours" $arguments <"$work/pairs" >"$work/ours"
    "$@" <"$work/pairs" >"$work/peer"
    paste "$work/pairs" "$work/ours" "$work/peer" | 
        awk -F'\t' -v kind="$kind" '$3 != $4 && !(kind == "semver" && $4 == "?")' >"$work/differ"
    differ=$(wc -l <"$work/differ")
    echo "$kind ($arguments): $(wc -l <"$work/peer") compared, $differ differ"
    if [ "$differ" -ne 0 ] || [ "$(wc -l <"$work/peer")" -ne "$n" ]; then
        echo "  first, second, ours, the peer's:"
        head -20 "$work/differ" | sed 's/^/  /'
        failed=1
    fi
}

absent() { echo "$1: SKIPPED, $2 is not installed"; }

dpkg_peer() {
    local a b
    while IFS=$'\t' read -r a b; do
        if dpkg --compare-versions "$a" lt "$b" 2>/dev/null; then echo '<'
        elif dpkg --compare-versions "$a" gt "$b" 2>/dev/null; then echo '>'
        elif dpkg --compare-versions "$a" eq "$b" 2>/dev/null; then echo '='
        else echo '?'; fi
    done
}

rpm_peer() {
    cat >"$work/rpm-pairs"
    rpm --eval "%{lua:
        local out = {}
        for line in io.lines('$work/rpm-pairs') do
            local a, b = line:match('^(.-)\\t(.*)\$')
            local order = rpm.vercmp(a, b)
            out[#out + 1] = order < 0 and '<' or order > 0 and '>' or '='
        end
        print(table.concat(out, '\\n'))
    }"
}

gem_peer() {
    ruby -rrubygems -e 'STDIN.each_line(chomp: true) { |l| a, b = l.split("\t", -1)
        ok = [a, b].all? { |v| Gem::Version.correct?(v) && !v.empty? }
        puts(ok ? { -1 => "<", 0 => "=", 1 => ">" }[Gem::Version.new(a) <=> Gem::Version.new(b)] : "?") }'
}

if command -v dpkg >/dev/null; then compare dpkg dpkg dpkg_peer; else absent dpkg dpkg; fi
if command -v rpm >/dev/null; then compare rpm rpm rpm_peer; else absent rpm rpm; fi
if python3 -c 'import packaging' 2>/dev/null; then
    compare pep440 pep440 python3 "$here/pep440.py"
    compare pep440-set "--satisfies pypi" python3 "$here/pep440.py" --set
else absent pep440 "Python's packaging"; fi
if command -v npm >/dev/null; then
    compare semver semver node "$here/semver.cjs"
    compare npm-range "--satisfies npm" node "$here/semver.cjs" --range
    compare npm-range "--satisfies npm-strict" node "$here/semver.cjs" --range-strict
else absent npm npm; fi
maven=$(ls /usr/share/java/maven3-artifact.jar 2>/dev/null || true)
if [ -n "$maven" ] && command -v java >/dev/null; then
    compare maven maven java -cp "$maven:/usr/share/java/commons-lang3.jar" "$here/Maven.java"
else absent maven "Maven's maven3-artifact.jar"; fi
if command -v ruby >/dev/null; then compare gem gem gem_peer; else absent gem ruby; fi
exit $failed
