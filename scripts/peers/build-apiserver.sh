#!/usr/bin/env bash
# Builds kube-apiserver and kubectl, at the version of e2e/apiserver/go.mod, for tests against a real API server:
#   scripts/peers/build-apiserver.sh OUTDIR
# Needs Go and its module proxy. What OUTDIR holds from the same sources is kept; otherwise about ten minutes of CPU.
set -euo pipefail
out=${1:?usage: build-apiserver.sh OUTDIR}
mkdir -p "$out"
out=$(cd "$out" && pwd)
cd "$(dirname "$0")/../.."
stamp=$out/sources.sha256
sources=$(cat scripts/peers/build-apiserver.sh e2e/apiserver/go.{mod,sum} e2e/apiserver/cmd/*/main.go | sha256sum)
if [ "$(cat "$stamp" 2>/dev/null)" = "$sources" ] && [ -x "$out/kube-apiserver" ] && [ -x "$out/kubectl" ]; then
    echo "say: $("$out/kube-apiserver" --version) was built already"
    exit 0
fi
command -v go >/dev/null || { echo "build-apiserver: go is missing" >&2; exit 1; }
rm -f "$stamp"
cd e2e/apiserver
version=$(go list -m -f '{{.Version}}' k8s.io/kubernetes)
minor=${version#v1.} minor=${minor%%.*}
set_version=$(for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
    printf -- '-X %s.gitVersion=%s -X %s.gitMajor=1 -X %s.gitMinor=%s ' "$package" "$version" "$package" "$package" "$minor"
done)
# No C compiler, no symbols, no tables of lines, nothing inlined, and no tracing pages of gRPC's: cheaper by a third, and
# nobody measures this one.
export CGO_ENABLED=0
TIMEFORMAT="say: kube-apiserver and kubectl $version built in %0R s, of CPU %0U + %0S s"
time nice -n 5 go build -trimpath -buildvcs=false -gcflags "all=-l -dwarf=false" -tags grpcnotrace -ldflags "-s -w $set_version" -o "$out/" ./cmd/...
echo "$sources" >"$stamp"
