#!/usr/bin/env bash
# A real registry on loopback with basic auth, for tests against something that is not ours.
#
#   registry-peer.sh start FOLDER LAYOUT[:TAG] NAME:TAG   starts it and pushes an OCI layout; prints ADDRESS USER PASSWORD
#   registry-peer.sh stop FOLDER
#
# FOLDER keeps what is stored, the configuration, the log and config.json (for DOCKER_CONFIG). PLIMSOLL_PEER_TLS=1 makes
# it speak TLS, with its authority in FOLDER/ca.pem.
# Needs Debian's docker-registry, apache2-utils (htpasswd) and skopeo; openssl for TLS.
set -euo pipefail

fail() { echo "registry-peer: $*" >&2; exit 1; }

start() {
    local folder=$1 layout=$2 name=$3 user=plimsoll password port address tries
    for tool in docker-registry htpasswd skopeo; do
        command -v "$tool" >/dev/null || fail "$tool is missing: apt-get install docker-registry apache2-utils skopeo"
    done
    mkdir -p "$folder/storage"
    folder=$(cd "$folder" && pwd)
    password=$(od -An -N12 -tx1 /dev/urandom | tr -d ' \n')
    htpasswd -Bbn "$user" "$password" >"$folder/htpasswd"
    # A port that nobody listens on; should somebody take it before the registry does, another one is tried.
    for tries in 1 2 3 4 5; do
        port=$(( 20000 + $(od -An -N2 -tu2 /dev/urandom) % 40000 ))
        address=127.0.0.1:$port
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && continue
        {
            echo "version: 0.1"
            echo "log: {level: warn}"
            echo "storage: {filesystem: {rootdirectory: \"$folder/storage\"}, delete: {enabled: true}}"
            echo "auth: {htpasswd: {realm: plimsoll-peer, path: \"$folder/htpasswd\"}}"
            echo "http:"
            echo "  addr: $address"
            if [ "${PLIMSOLL_PEER_TLS:-}" = 1 ]; then
                certificate "$folder"
                echo "  tls: {certificate: \"$folder/cert.pem\", key: \"$folder/key.pem\"}"
            fi
        } >"$folder/config.yml"
        # It would take a variable of podman's for a part of its own configuration.
        env -u REGISTRY_AUTH_FILE docker-registry serve "$folder/config.yml" >"$folder/log" 2>&1 &
        echo $! >"$folder/pid"
        for _ in $(seq 50); do
            (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break 2
            kill -0 "$(cat "$folder/pid")" 2>/dev/null || break
            sleep 0.1
        done
    done
    kill -0 "$(cat "$folder/pid")" 2>/dev/null || fail "the registry did not start: $(tail -3 "$folder/log")"
    printf '{"auths":{"%s":{"auth":"%s"}}}\n' "$address" "$(printf '%s:%s' "$user" "$password" | base64 -w0)" \
        >"$folder/config.json"
    chmod 600 "$folder/config.json"
    skopeo --insecure-policy copy --quiet --all --dest-tls-verify=false --dest-creds "$user:$password" \
        "oci:$layout" "docker://$address/$name" >&2 || { stop "$folder"; fail "could not push $layout"; }
    echo "$address $user $password"
}

# An authority and a certificate of its for 127.0.0.1, valid for a day.
certificate() {
    local folder=$1
    {
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj "/CN=plimsoll peer authority" \
            -addext basicConstraints=critical,CA:TRUE -keyout "$folder/ca.key" -out "$folder/ca.pem"
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=127.0.0.1" \
            -keyout "$folder/key.pem" -out "$folder/cert.csr"
        openssl x509 -req -in "$folder/cert.csr" -CA "$folder/ca.pem" -CAkey "$folder/ca.key" -CAcreateserial -days 1 \
            -extfile <(printf 'subjectAltName=IP:127.0.0.1,DNS:localhost\nbasicConstraints=CA:FALSE\n') \
            -out "$folder/cert.pem"
    } >"$folder/openssl.log" 2>&1
}

stop() {
    local pid
    pid=$(cat "$1/pid" 2>/dev/null) || return 0
    kill "$pid" 2>/dev/null || true
    rm -f "$1/pid"
}

case "${1:-}" in
    start) [ $# = 4 ] || fail "start needs FOLDER LAYOUT[:TAG] NAME:TAG"; start "$2" "$3" "$4" ;;
    stop) [ $# = 2 ] || fail "stop needs FOLDER"; stop "$2" ;;
    *) fail "start or stop?" ;;
esac
