#!/usr/bin/env bash
# A real Debian image, end to end: made by debootstrap, umoci and skopeo; read as OCI layout (folder and tar), docker archive
# and rootfs; pushed to a real docker-registry with basic auth and pulled from there; compared with dpkg and with syft; judged.
# Usage: scripts/e2e-debian.sh WORK       (root; PLIMSOLL_BIN names the program)
set -euo pipefail
cd "$(dirname "$0")/.."
work=${1:?usage: e2e-debian.sh WORK}
bin=${PLIMSOLL_BIN:-target/release/plimsoll}
image=$work/image
mkdir -p "$work/out"
scripts/make-debian-image.sh "$image"
export PLIMSOLL_CACHE_DIR=$work/cache
fail() { echo "$*" >&2; exit 1; }
# The verdict is "could not tell" with the baseline alone; the inventory is what is compared here.
packages() { # NAME ARGS…
    local name=$1
    shift
    "$bin" "$@" -f json -o "$work/out/$name.json" --exit-code 0 --quiet
    jq -r '.assessments[0].inventory.packages[] | [.ecosystem, .name, .version, (.arch // "")] | @tsv' "$work/out/$name.json" | sort >"$work/out/$name.tsv"
}
[ -e "$image/oci.tar" ] || tar -C "$image/oci" -cf "$image/oci.tar" .
packages layout image --input "$image/oci:bookworm"
packages layout-tar image --input "$image/oci.tar"
packages archive image --input "$image/docker.tar"
packages rootfs rootfs "$image/rootfs"
rm -rf "$work/cache/blobs"
read -r registry _user _password < <(scripts/registry-peer.sh start "$work/registry" "$image/oci:bookworm" debian:bookworm)
trap 'scripts/registry-peer.sh stop "$work/registry"' EXIT
if DOCKER_CONFIG=$work/nobody REGISTRY_AUTH_FILE=$work/nobody/auth.json "$bin" image "$registry/debian:bookworm" -f summary 2>"$work/out/refused"; then
    fail "pulled without credentials"
fi
grep -q login "$work/out/refused" || fail "no way out without credentials: $(cat "$work/out/refused")"
export DOCKER_CONFIG=$work/registry
packages registry image "$registry/debian:bookworm"
for form in layout-tar archive rootfs registry; do
    diff "$work/out/layout.tsv" "$work/out/$form.tsv" >"$work/out/$form.diff" || fail "the $form differs from the layout: $(head -n 5 "$work/out/$form.diff")"
done
ours=$(grep -c '^dpkg' "$work/out/layout.tsv")
dpkg=$(dpkg-query --admindir="$image/rootfs/var/lib/dpkg" -W -f='${Status}\t${Package}\n' | grep -c 'ok installed')
[ "$ours" = "$dpkg" ] || fail "dpkg lists $dpkg packages, we list $ours"
echo "say: $ours packages in five forms, as many as dpkg-query"
if command -v syft >/dev/null; then
    syft -q "oci-dir:$image/oci" -o json >"$work/out/syft.json"
    jq -r '.artifacts[] | select(.type == "deb") | [.name, .version] | @tsv' "$work/out/syft.json" | sort >"$work/out/syft.tsv"
    grep '^dpkg' "$work/out/layout.tsv" | cut -f 2,3 | sort >"$work/out/ours.tsv"
    diff "$work/out/syft.tsv" "$work/out/ours.tsv" >"$work/out/syft.diff" || fail "syft differs: $(head -n 5 "$work/out/syft.diff")"
    echo "say: the same names and versions as syft $(syft version -o json | jq -r .version)"
else
    fail "syft is not on the PATH"
fi
jq -e '.assessments[0].verdict.outcome == "undecided" or .assessments[0].verdict.outcome == "denied"' "$work/out/layout.json" >/dev/null ||
    fail "with the baseline alone a verdict is never better than undecided"
set +e
"$bin" image --input "$image/oci:bookworm" -f summary --quiet
status=$?
set -e
[ "$status" = 1 ] || [ "$status" = 2 ] || fail "status $status with the baseline alone"
echo "say: judged with status $status"
