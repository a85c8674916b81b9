#!/usr/bin/env bash
# `db update` end to end, against a real docker-registry with basic auth: a compiled index and Trivy's two files, pushed by
# hand with curl; the second update, a newer database, broken ones, a registry that is down, and updates that are killed.
# After each of them what lies on the machine must be whole.
# Usage: scripts/e2e-db-update.sh WORK       (PLIMSOLL_BIN names the program; docker-registry, htpasswd, skopeo, curl, jq)
set -euo pipefail
cd "$(dirname "$0")/.."
work=${1:?usage: e2e-db-update.sh WORK}
bin=${PLIMSOLL_BIN:-target/release/plimsoll}
rm -rf "$work"
mkdir -p "$work/feed"
export PLIMSOLL_CACHE_DIR=$work/cache
export REGISTRY_AUTH_FILE=$work/nobody/auth.json
unset PLIMSOLL_DB PLIMSOLL_DB_REPOSITORY PLIMSOLL_MIRROR PLIMSOLL_OFFLINE PLIMSOLL_POLICY PLIMSOLL_AT
fail() { echo "e2e-db-update: $*" >&2; exit 1; }
say() { echo "say: $*"; }

# --- two indexes and one of Trivy's ------------------------------------------------------------------------------------
cp examples/shop/advisories/*.json "$work/feed/"
"$bin" -q db build --at 2026-11-20T00:00:00Z -o "$work/first.index" "$work/feed"
jq '.id = "PYSEC-2099-1" | .aliases = ["CVE-2099-0001"]' examples/shop/advisories/PYSEC-2023-62.json >"$work/feed/PYSEC-2099-1.json"
"$bin" -q db build --at 2026-11-21T00:00:00Z -o "$work/second.index" "$work/feed"
mkdir -p "$work/fixture"
cat >"$work/fixture/pip.yaml" <<'YAML'
- bucket: "pip::GitHub Security Advisory pip"
  pairs:
    - bucket: flask
      pairs:
        - key: CVE-2023-30861
          value: {PatchedVersions: ["2.2.5"], VulnerableVersions: ["< 2.2.5"]}
- bucket: data-source
  pairs:
    - key: "pip::GitHub Security Advisory pip"
      value: {ID: ghsa, Name: GitHub Security Advisory pip, URL: "https://github.com/advisories"}
- bucket: vulnerability
  pairs:
    - key: CVE-2023-30861
      value: {Title: "Flask: a proxy may hand out another's session", Severity: HIGH}
YAML
trivy_files() { cargo run --quiet -p plimsoll-advisories --example trivy_fixture_db -- "$work/fixture" "$1" "$2" >/dev/null; }
trivy_files "$work/trivy-old" 2026-11-19T00:00:00Z
trivy_files "$work/trivy-new" 2026-11-20T12:00:00Z
# The ballast makes the download long enough to be killed in the middle; members that are not known are passed over.
head -c 64M /dev/urandom >"$work/trivy-new/ballast"
tar -C "$work/trivy-old" -czf "$work/trivy-old.tar.gz" trivy.db metadata.json
tar -C "$work/trivy-new" -czf "$work/trivy-new.tar.gz" trivy.db ballast metadata.json

# --- the registry ------------------------------------------------------------------------------------------------------
read -r registry user password < <(scripts/registry-peer.sh start "$work/registry" \
    examples/shop/image:registry.example.com/shop/web:1.4.2 shop/web:1.4.2)
trap 'scripts/registry-peer.sh stop "$work/registry"' EXIT
api=http://$registry/v2/security/db
auth=$user:$password
readonly INDEX=application/vnd.plimsoll.index.v1 TRIVY=application/vnd.aquasec.trivy.db.layer.v1.tar+gzip
blob() { # FILE: pushes it and prints its descriptor without a media type
    local file=$1 digest size to
    digest=sha256:$(sha256sum <"$file" | cut -d' ' -f1)
    size=$(stat -c %s "$file")
    to=$(curl -fsS -u "$auth" -o /dev/null -D - -X POST "$api/blobs/uploads/" | tr -d '\r' | sed -n 's/^Location: //Ip')
    case $to in *\?*) to=$to\&digest=$digest ;; *) to=$to?digest=$digest ;; esac
    curl -fsS -u "$auth" -o /dev/null -X PUT -H 'Content-Type: application/octet-stream' -T "$file" "$to"
    jq -nc --arg d "$digest" --argjson s "$size" '{digest: $d, size: $s}'
}
push() { # TAG MEDIA-TYPE FILE
    local config layer
    printf '{}' >"$work/config"
    config=$(blob "$work/config")
    layer=$(blob "$3")
    jq -nc --arg m "$2" --argjson c "$config" --argjson l "$layer" '{schemaVersion: 2,
        mediaType: "application/vnd.oci.image.manifest.v1+json", artifactType: "application/vnd.plimsoll.database.v1",
        config: ($c + {mediaType: "application/vnd.oci.empty.v1+json"}), layers: [$l + {mediaType: $m}]}' >"$work/manifest"
    curl -fsS -u "$auth" -o /dev/null -X PUT -H 'Content-Type: application/vnd.oci.image.manifest.v1+json' \
        --data-binary "@$work/manifest" "$api/manifests/$1"
}
update() { "$bin" db update --repository "$registry/security/db:$1" >"$work/out" 2>&1; }
status() { "$bin" db status --verify >"$work/status" 2>&1 || fail "the database is not whole $1: $(cat "$work/status")"; }
sum() { sha256sum <"$1" | cut -d' ' -f1; }
has() { grep -qF -- "$1" "$work/out" || fail "no \"$1\" in: $(cat "$work/out")"; }
here=$PLIMSOLL_CACHE_DIR/db
index=$here/plimsoll.index

# --- without credentials, then with them -------------------------------------------------------------------------------
push 1 "$INDEX" "$work/first.index"
code=0; DOCKER_CONFIG=$work/nobody update 1 || code=$?
[ "$code" = 2 ] || fail "status $code without credentials: $(cat "$work/out")"
has login
export DOCKER_CONFIG=$work/registry
update 1 || fail "first update: $(cat "$work/out")"
has "$registry/security/db:1"
[ "$(sum "$index")" = "$(sum "$work/first.index")" ] || fail "the index is not the one that was pushed"
status "after the first update"
say "an index from a registry with basic auth; without credentials status 2 and the way to log in"

# --- the second update, and a newer one --------------------------------------------------------------------------------
written=$(stat -c '%i %y' "$index")
update 1 || fail "second update: $(cat "$work/out")"
has "here already"
[ "$written" = "$(stat -c '%i %y' "$index")" ] || fail "the second update wrote the file again"
push 1 "$INDEX" "$work/second.index"
update 1 || fail "newer index: $(cat "$work/out")"
[ "$(sum "$index")" = "$(sum "$work/second.index")" ] || fail "the newer index was not taken"
status "after a newer index"
say "the second update fetches nothing, a newer index is taken"

# --- what was replaced by hand is fetched again --------------------------------------------------------------------------
"$bin" -q db import "$work/first.index" >/dev/null
update 1 || fail "update after an import: $(cat "$work/out")"
[ "$(sum "$index")" = "$(sum "$work/second.index")" ] || fail "after an older file was imported, the update says: $(cat "$work/out")"
rm "$index"
update 1 || fail "update after a removal: $(cat "$work/out")"
[ "$(sum "$index")" = "$(sum "$work/second.index")" ] || fail "after the file was removed, the update says: $(cat "$work/out")"
say "an update mends what was imported, or removed, since the last one"

# --- broken ones keep what is there --------------------------------------------------------------------------------------
refused() { # TAG WHAT
    local code=0
    update "$1" || code=$?
    [ "$code" = 2 ] || fail "status $code for $2: $(cat "$work/out")"
    [ "$(sum "$index")" = "$(sum "$work/second.index")" ] || fail "$2 replaced the index"
    status "after $2"
}
size=$(stat -c %s "$work/first.index")
head -c $((size / 2)) "$work/first.index" >"$work/cut"
push cut "$INDEX" "$work/cut"
refused cut "an index cut in half"
cp "$work/first.index" "$work/flipped"
printf '\377' | dd of="$work/flipped" bs=1 seek=$((size * 2 / 3)) conv=notrunc status=none
push flipped "$INDEX" "$work/flipped"
refused flipped "an index with a changed byte"
echo '<html>portal</html>' >"$work/html"
push html "$INDEX" "$work/html"
refused html "a page instead of an index"
push other application/vnd.example.other "$work/first.index"
refused other "an artifact of another kind"
push lies "$INDEX" "$work/first.index"
lying=$(jq -r '.layers[0].digest' "$work/manifest" | cut -d: -f2)
stored=$work/registry/storage/docker/registry/v2/blobs/sha256/${lying:0:2}/$lying/data
cp "$work/flipped" "$stored"
refused lies "a layer whose digest lies"
head -c $(($(stat -c %s "$work/trivy-old.tar.gz") / 2)) "$work/trivy-old.tar.gz" >"$work/cut.tar.gz"
push cut-trivy "$TRIVY" "$work/cut.tar.gz"
refused cut-trivy "an archive of Trivy's cut in half"
code=0; update absent || code=$?
[ "$code" = 2 ] || fail "status $code for a tag that is not there"
say "7 broken artifacts: status 2 each, and the old index stays whole"

# --- the next repository -----------------------------------------------------------------------------------------------
"$bin" db update --repository "127.0.0.1:9/security/db:1,$registry/security/db:absent,$registry/security/db:1" >"$work/out" 2>&1 ||
    fail "the next repository was not asked: $(cat "$work/out")"
say "a registry that is down, and a tag that is not there, make place for the next"

# --- Trivy's files, and updates that are killed --------------------------------------------------------------------------
push 2 "$TRIVY" "$work/trivy-old.tar.gz"
update 2 || fail "Trivy's files: $(cat "$work/out")"
cmp -s "$here/trivy/trivy.db" "$work/trivy-old/trivy.db" && cmp -s "$here/trivy/metadata.json" "$work/trivy-old/metadata.json" ||
    fail "Trivy's files are not the ones that were pushed"
status "after Trivy's files"
push 2 "$TRIVY" "$work/trivy-new.tar.gz"
killed=0
for delay in 0.01 0.03 0.05 0.08 0.12 0.18 0.25 0.4 0.6 0.9; do
    "$bin" db update --repository "$registry/security/db:2" >"$work/out" 2>&1 &
    victim=$!
    sleep "$delay"
    if kill -9 "$victim" 2>/dev/null; then killed=$((killed + 1)); fi
    wait "$victim" 2>/dev/null || true
    status "after an update killed after $delay s"
    cmp -s "$here/trivy/metadata.json" "$work/trivy-old/metadata.json" || break
done
[ "$killed" -gt 0 ] || fail "no update was killed"
update 2 || fail "the update after the killed ones: $(cat "$work/out")"
cmp -s "$here/trivy/metadata.json" "$work/trivy-new/metadata.json" || fail "the newer files of Trivy were not taken: $(cat "$work/out")"
status "after the killed updates"
find "$here" -name '.tmp*' -exec touch -d '2 hours ago' {} +
update 2 || fail "the last update: $(cat "$work/out")"
left=$(find "$here" -type f ! -name plimsoll.index ! -name trivy.db ! -name metadata.json ! -name fetched)
[ -z "$left" ] || fail "killed updates left for good: $left"
say "Trivy's two files; $killed updates killed, each left a whole database; the next one was taken"

# --- the air gap ---------------------------------------------------------------------------------------------------------
"$bin" db export "$work/carried" >/dev/null
"$bin" --cache-dir "$work/other" db import "$work/carried" >/dev/null
[ "$(sum "$work/other/db/plimsoll.index")" = "$(sum "$index")" ] || fail "export and import changed the index"
code=0
"$bin" --cache-dir "$work/other" image "$registry/shop/web:1.4.2" -f json -o "$work/report.json" -q || code=$?
[ "$code" = 1 ] || fail "the shop's image has status $code with the carried database"
jq -e '[.assessments[0].matches[].id] | index("CVE-2023-30861")' "$work/report.json" >/dev/null || fail "the carried database finds nothing"
say "exported, imported elsewhere, and it judges the shop's image from the registry"
