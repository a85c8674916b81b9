#!/usr/bin/env bash
# Builds the real `opa`, at the version of e2e/opa/go.mod, and `peer`, which asks its libraries many questions in one process:
#   scripts/peers/build-opa.sh OUTDIR
# Needs Go and its module proxy. What OUTDIR holds from the same sources is kept; otherwise about a minute of CPU.
set -euo pipefail
out=${1:?usage: build-opa.sh OUTDIR}
mkdir -p "$out"
out=$(cd "$out" && pwd)
cd "$(dirname "$0")/../.."
stamp=$out/sources.sha256
sources=$(cat scripts/peers/build-opa.sh e2e/opa/go.{mod,sum} e2e/opa/cmd/*/main.go | sha256sum)
if [ "$(cat "$stamp" 2>/dev/null)" = "$sources" ] && [ -x "$out/opa" ] && [ -x "$out/peer" ]; then
    echo "say: opa $("$out/opa" version | sed -n 's/^Version: //p') was built already"
    exit 0
fi
command -v go >/dev/null || { echo "build-opa: go is missing" >&2; exit 1; }
rm -f "$stamp"
cd e2e/opa
version=$(go list -m -f '{{.Version}}' github.com/open-policy-agent/opa)
# No C compiler, no symbols and no tables of lines: cheaper by a fifth, and nothing of it is missed here.
export CGO_ENABLED=0
TIMEFORMAT="say: opa $version built in %0R s, of CPU %0U + %0S s"
time nice -n 5 go build -trimpath -buildvcs=false -gcflags all=-dwarf=false -ldflags "-s -w" -o "$out/" ./cmd/...
echo "$sources" >"$stamp"
