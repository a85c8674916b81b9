#!/usr/bin/env bash
# Builds `peer`, which answers questions about CEL with the API server's own libraries, and `schema`, which prints how Kubernetes'
# own kinds are merged, at the version of e2e/cel/go.mod:
#   scripts/peers/build-cel.sh OUTDIR
# Needs Go and its module proxy. What OUTDIR holds from the same sources is kept; otherwise about four minutes of CPU.
set -euo pipefail
out=${1:?usage: build-cel.sh OUTDIR}
mkdir -p "$out"
out=$(cd "$out" && pwd)
cd "$(dirname "$0")/../.."
stamp=$out/sources.sha256
sources=$(cat scripts/peers/build-cel.sh e2e/cel/go.{mod,sum} e2e/cel/cmd/*/*.go | sha256sum)
if [ "$(cat "$stamp" 2>/dev/null)" = "$sources" ] && [ -x "$out/peer" ]; then
    echo "say: the CEL peer was built already"
    exit 0
fi
command -v go >/dev/null || { echo "build-cel: go is missing" >&2; exit 1; }
rm -f "$stamp"
cd e2e/cel
version=$(go list -m -f '{{.Version}}' k8s.io/apiserver)
# No C compiler, no symbols, no tables of lines and nothing inlined: cheaper by a third. Nobody measures this one.
export CGO_ENABLED=0
TIMEFORMAT="say: the CEL peer (k8s.io/apiserver $version) built in %0R s, of CPU %0U + %0S s"
time nice -n 5 go build -trimpath -buildvcs=false -gcflags "all=-l -dwarf=false" -ldflags "-s -w" -o "$out/" ./cmd/...
echo "$sources" >"$stamp"
