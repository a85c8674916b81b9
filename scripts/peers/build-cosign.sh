#!/usr/bin/env bash
# Builds the real `cosign`, at the versions of e2e/cosign/go.mod and e2e/cosign-v2/go.mod, as cosign-v3 and cosign-v2, and
# `registry`, an OCI registry with the referrers API:
#   scripts/peers/build-cosign.sh OUTDIR
# Needs Go and its module proxy. What OUTDIR holds from the same sources is kept; otherwise some minutes of CPU.
# Modules of their own: the two versions' Sigstore libraries are not each other's.
set -euo pipefail
out=${1:?usage: build-cosign.sh OUTDIR}
mkdir -p "$out"
out=$(cd "$out" && pwd)
cd "$(dirname "$0")/../.."
stamp=$out/sources.sha256
sources=$(cat scripts/peers/build-cosign.sh e2e/cosign{,-v2}/go.{mod,sum} e2e/cosign/cmd/*/main.go | sha256sum)
if [ "$(cat "$stamp" 2>/dev/null)" = "$sources" ] && [ -x "$out/cosign-v3" ] && [ -x "$out/cosign-v2" ] && [ -x "$out/registry" ]; then
    echo "say: cosign was built already"
    exit 0
fi
command -v go >/dev/null || { echo "build-cosign: go is missing" >&2; exit 1; }
rm -f "$stamp"
# No C compiler, no symbols, no tables of lines and nothing inlined: cheaper by a third. Nobody measures this one.
export CGO_ENABLED=0 GOFLAGS="${GOFLAGS:-} -p=1"
build() { # FOLDER OUT PACKAGE…
    (cd "$1" && nice -n 5 go build -trimpath -buildvcs=false -gcflags "all=-l -dwarf=false" -ldflags "-s -w" -o "$2" "${@:3}")
}
both() {
    build e2e/cosign "$out/" ./cmd/...
    build e2e/cosign "$out/cosign-v3" github.com/sigstore/cosign/v3/cmd/cosign
    build e2e/cosign-v2 "$out/cosign-v2" github.com/sigstore/cosign/v2/cmd/cosign
}
versions=$(for folder in e2e/cosign e2e/cosign-v2; do (cd $folder && go list -m -f '{{.Version}}' 'github.com/sigstore/cosign/...'); done | paste -sd ' ')
TIMEFORMAT="say: cosign $versions built in %0R s, of CPU %0U + %0S s"
time both
echo "$sources" >"$stamp"
