#!/usr/bin/env bash
# Makes a real Debian image in every form that Plimsoll reads, from Debian's own packages:
#   OUT/rootfs        the unpacked tree (debootstrap)
#   OUT/oci           an OCI layout (umoci), tag "bookworm"
#   OUT/docker.tar    a `docker save` archive (skopeo)
# Usage: scripts/make-debian-image.sh OUT [SUITE [EXTRA,PACKAGES]]      (as root; needs debootstrap, umoci, skopeo)
set -euo pipefail
out=${1:?usage: make-debian-image.sh OUT [SUITE [EXTRA,PACKAGES]]}
suite=${2:-bookworm}
extra=${3:-}
mkdir -p "$out"
out=$(cd "$out" && pwd)
# A complete set is kept: a second run costs nothing.
if [ -e "$out/complete" ]; then exit 0; fi
rm -rf "$out/rootfs" "$out/oci" "$out/docker.tar" "$out/bundle"
# The archive that apt uses here, in either form of its sources; else Debian's own.
mirror=${DEBIAN_MIRROR:-$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null |
    awk '/^deb / || /^URIs:/ { for (i = 2; i <= NF; i++) if ($i ~ /\/debian\/?$/ && !found++) print $i }' || true)}
debootstrap --variant=minbase ${extra:+--include="$extra"} "$suite" "$out/rootfs" "${mirror:-http://deb.debian.org/debian}" >"$out/debootstrap.log" 2>&1 ||
    { tail -n 20 "$out/debootstrap.log" >&2; exit 1; }
rm -rf "$out"/rootfs/var/cache/apt/archives/*.deb
umoci init --layout "$out/oci"
umoci new --image "$out/oci:$suite"
umoci unpack --image "$out/oci:$suite" "$out/bundle" >/dev/null
rm -rf "$out/bundle/rootfs"
cp -a "$out/rootfs" "$out/bundle/rootfs"
umoci repack --image "$out/oci:$suite" "$out/bundle" >/dev/null
umoci config --image "$out/oci:$suite" --config.cmd /bin/bash >/dev/null
umoci gc --layout "$out/oci" >/dev/null
rm -rf "$out/bundle"
skopeo copy -q "oci:$out/oci:$suite" "docker-archive:$out/docker.tar:example.com/debian:$suite"
touch "$out/complete"
