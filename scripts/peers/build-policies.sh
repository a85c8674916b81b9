#!/usr/bin/env bash
# Builds the real `conftest`, at the version of e2e/policies/go.mod, the programs `cue` and `jsonnet` that read those languages for
# ours, at the versions of conftest's own libraries, and `parse`, which asks its parsers many questions in one process:
#   scripts/peers/build-policies.sh OUTDIR
# Needs Go and its module proxy. What OUTDIR holds from the same sources is kept; otherwise some minutes of CPU.
set -euo pipefail
out=${1:?usage: build-policies.sh OUTDIR}
mkdir -p "$out"
out=$(cd "$out" && pwd)
cd "$(dirname "$0")/../.."
stamp=$out/sources.sha256
sources=$(cat scripts/peers/build-policies.sh e2e/policies/go.{mod,sum} e2e/policies/cmd/*/main.go | sha256sum)
if [ "$(cat "$stamp" 2>/dev/null)" = "$sources" ] && [ -x "$out/conftest" ] && [ -x "$out/parse" ] &&
    [ -x "$out/cue" ] && [ -x "$out/jsonnet" ]; then
    echo "say: conftest was built already"
    exit 0
fi
command -v go >/dev/null || { echo "build-policies: go is missing" >&2; exit 1; }
rm -f "$stamp"
cd e2e/policies
version=$(go list -m -f '{{.Version}}' github.com/open-policy-agent/conftest)
# No C compiler, no symbols and no tables of lines: cheaper by a fifth, and nothing of it is missed here. One package at a time: the linker needs the memory.
export CGO_ENABLED=0 GOFLAGS="${GOFLAGS:-} -p=1"
TIMEFORMAT="say: conftest $version built in %0R s, of CPU %0U + %0S s"
time nice -n 5 go build -trimpath -buildvcs=false -gcflags all=-dwarf=false -ldflags "-s -w" -o "$out/" \
    github.com/open-policy-agent/conftest ./cmd/... cuelang.org/go/cmd/cue github.com/google/go-jsonnet/cmd/jsonnet
echo "$sources" >"$stamp"
