#!/usr/bin/env bash
# Builds the real `gator`, at the version of e2e/gator/go.mod:
#   scripts/peers/build-gator.sh OUTDIR
# Needs Go and its module proxy. What OUTDIR holds from the same sources is kept; otherwise some minutes of CPU.
# A module of its own: Gatekeeper's Kubernetes and OPA are not those of the other peers.
set -euo pipefail
out=${1:?usage: build-gator.sh OUTDIR}
mkdir -p "$out"
out=$(cd "$out" && pwd)
cd "$(dirname "$0")/../.."
stamp=$out/sources.sha256
sources=$(cat scripts/peers/build-gator.sh e2e/gator/go.{mod,sum} | sha256sum)
if [ "$(cat "$stamp" 2>/dev/null)" = "$sources" ] && [ -x "$out/gator" ]; then
    echo "say: gator was built already"
    exit 0
fi
command -v go >/dev/null || { echo "build-gator: go is missing" >&2; exit 1; }
rm -f "$stamp"
cd e2e/gator
version=$(go list -m -f '{{.Version}}' github.com/open-policy-agent/gatekeeper/v3)
# No C compiler, no symbols and no tables of lines: cheaper by a fifth, and nothing of it is missed here.
export CGO_ENABLED=0 GOFLAGS="${GOFLAGS:-} -p=1"
TIMEFORMAT="say: gator $version built in %0R s, of CPU %0U + %0S s"
time nice -n 5 go build -trimpath -buildvcs=false -gcflags all=-dwarf=false -ldflags "-s -w" -o "$out/gator" \
    github.com/open-policy-agent/gatekeeper/v3/cmd/gator
echo "$sources" >"$stamp"
