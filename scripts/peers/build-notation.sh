#!/usr/bin/env bash
# Builds the real `notation`, at the version of e2e/notation/go.mod:
#   scripts/peers/build-notation.sh OUTDIR
# Needs Go and its module proxy. What OUTDIR holds from the same sources is kept; otherwise a minute of CPU.
# A module of its own: its libraries are not those of the other peers.
set -euo pipefail
out=${1:?usage: build-notation.sh OUTDIR}
mkdir -p "$out"
out=$(cd "$out" && pwd)
cd "$(dirname "$0")/../.."
stamp=$out/sources.sha256
sources=$(cat scripts/peers/build-notation.sh e2e/notation/go.{mod,sum} | sha256sum)
if [ "$(cat "$stamp" 2>/dev/null)" = "$sources" ] && [ -x "$out/notation" ]; then
    echo "say: notation was built already"
    exit 0
fi
command -v go >/dev/null || { echo "build-notation: go is missing" >&2; exit 1; }
rm -f "$stamp"
cd e2e/notation
version=$(go list -m -f '{{.Version}}' github.com/notaryproject/notation)
# No C compiler, no symbols and no tables of lines: cheaper by a fifth, and nothing of it is missed here.
export CGO_ENABLED=0 GOFLAGS="${GOFLAGS:-} -p=1"
TIMEFORMAT="say: notation $version built in %0R s, of CPU %0U + %0S s"
time nice -n 5 go build -trimpath -buildvcs=false -gcflags all=-dwarf=false -ldflags "-s -w" -o "$out/notation" \
    github.com/notaryproject/notation/cmd/notation
echo "$sources" >"$stamp"
