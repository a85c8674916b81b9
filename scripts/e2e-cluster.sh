#!/usr/bin/env bash
# The gate proven against a real API server: etcd, kube-apiserver and kubectl on loopback, a registry that asks for a
# password, and `plimsoll serve`; the API server is told of the gate by the files of `plimsoll install` alone, and the server
# runs with the arguments that those files give it. What has no place here is a kubelet: nothing is ever started in a pod,
# so the server runs beside, and the Service that leads to it is one by name.
# Usage: scripts/e2e-cluster.sh WORK     (root, for port 443 of a loopback address; PLIMSOLL_BIN names the program,
#        PLIMSOLL_APISERVER the folder that scripts/peers/build-apiserver.sh fills)
set -euo pipefail
cd "$(dirname "$0")/.."
work=${1:?usage: e2e-cluster.sh WORK}
bin=$(realpath "${PLIMSOLL_BIN:-target/release/plimsoll}")
mkdir -p "$work"
work=$(cd "$work" && pwd)
binaries=${PLIMSOLL_APISERVER:-$work/../apiserver-bin}
scripts/peers/build-apiserver.sh "$binaries"
. scripts/lib/cluster.sh
here=$PWD
checks=0 began=$SECONDS serve_pid="" load_pid=""
install=$work/install node=$work/node out=$work/out

fail() { echo "FAIL: $*" >&2; exit 1; }
ok() { checks=$((checks + 1)); printf 'ok %3d s  %s\n' $((SECONDS - began)) "$*"; }
now() { date +%s.%N; }

# --- beginnings and ends -------------------------------------------------------------------------------------------
clean_up() {
    local status=$?
    trap - EXIT
    touch "$work/load.stop"
    [ -z "$load_pid" ] || kill "$load_pid" 2>/dev/null || true
    [ -z "$serve_pid" ] || kill -9 "$serve_pid" 2>/dev/null || true
    scripts/registry-peer.sh stop "$work/registry" || true
    cluster_stop
    [ -z "${watchdog:-}" ] || kill "$watchdog" 2>/dev/null || true
    wait 2>/dev/null || true
    [ "$status" = 0 ] || { echo "--- the server's last lines"; tail -n 3 "$work/serve.log" | cut -c 1-600; echo "--- the API server's"; grep -v '^I' "$CLUSTER/apiserver.log" | tail -n 3; } >&2 2>/dev/null || true
    exit "$status"
}

rm -rf "$work/registry" "$install" "$node" "$out" "$work/cache" "$work/faults" "$work/pod" "$work/load.stop" "$work/audit.log"
mkdir -p "$out" "$work/nobody"
: >"$work/serve.log"
cluster_open "$work/cluster" "$binaries"
trap clean_up EXIT
trap 'echo "FAIL: stopped, or not done in ten minutes" >&2; exit 1' TERM INT
# Whatever hangs is cut: kubectl by itself, and all of this after ten minutes.
(sleep 600 & trap 'kill $!' TERM; wait $! && kill -TERM $$) 2>/dev/null &
watchdog=$!
cat >"$work/kubectl" <<SH
#!/bin/sh
KUBERC=off exec timeout 60 "$CLUSTER_KUBECTL" --request-timeout=40s "\$@"
SH
chmod +x "$work/kubectl"
CLUSTER_KUBECTL=$work/kubectl

# --- images --------------------------------------------------------------------------------------------------------
# The example's two images: one runs as root with a password in it, the other is mended.
good_tag=1.4.3
bad_tag=1.4.2
read -r registry user password < <(scripts/registry-peer.sh start "$work/registry" "$here/examples/shop-fixed/image" "shop/web:$good_tag")
push() { # LAYOUT NAME:TAG
    timeout 60 skopeo --insecure-policy copy -q --dest-tls-verify=false --dest-creds "$user:$password" "oci:$1" "docker://$registry/$2"
}
push examples/shop/image "shop/web:$bad_tag"
push examples/shop/image "watched/web:$bad_tag"
push examples/shop-fixed/image "private/web:$good_tag"
good=$registry/shop/web:$good_tag
bad=$registry/shop/web:$bad_tag
watched=$registry/watched/web:$bad_tag
private=$registry/private/web:$good_tag
# The registry's: layers are compressed on the way.
good_digest=$(timeout 60 skopeo inspect --tls-verify=false --creds "$user:$password" --format '{{.Digest}}' "docker://$good")

# --- what install writes -------------------------------------------------------------------------------------------
cat >"$work/loadline.yaml" <<YAML
apiVersion: plimsoll.dev/v1alpha1
kind: LoadLine
metadata: {name: e2e}
undecided: deny
data: {baselineOnly: allow}
images:
  - name: watched
    match: ["$registry/watched/**"]
    mode: warn
    soften: true
    footprint: {runs-as-root: deny}
  - name: ours
    match: ["$registry/**"]
    tags: {pin: true, forbid: [latest]}
    footprint: {runs-as-root: deny, secret-in-image: deny}
  - name: elsewhere
    match: ["**"]
    refuse: not from an allowed registry
workloads: {rules: {privileged-container: deny, host-path-volume: warn}}
exempt:
  - {namespaces: [sandbox], reason: nothing of worth is in there, ticket: OPS-7, until: 2099-12-31}
  - {users: [builder], reason: makes the images itself, ticket: OPS-8}
breakGlass:
  annotation: "*.image-policy.k8s.io/ticket-*"
  value: break-glass
  namespaces: ["*"]
  groups: [oncall]
YAML
port=$(cluster_port)
# A Service's port is 443, and nobody else's server is to be met there: an address that only this run knows.
while gate=127.$((1 + RANDOM % 250)).$((RANDOM % 250)).$((1 + RANDOM % 250)); (exec 3<>"/dev/tcp/$gate/443") 2>/dev/null; do :; done
# An authority that ends within two lives of a certificate: so that renewing exchanges it too, in two runs.
"$bin" install --authority-days 600 --out "$install" --policy "$work/loadline.yaml" --config-dir "$node" --port "$port" --pull-secrets --prewarm >"$out/install"
"$bin" install --check "$install" >"$out/check" || fail "install --check finds faults in what install wrote: $(cat "$out/check")"
ok "install writes all roads, and install --check finds nothing in them"

# --- the server ----------------------------------------------------------------------------------------------------
# Sets serve_args to those of a Deployment or a pod that install wrote, in the places where its files are here.
arguments() { # MANIFEST SED-EXPRESSION…
    local manifest=$1 expression edits=()
    shift
    for expression in "$@"; do edits+=(-e "$expression"); done
    mapfile -t serve_args < <(kube create --dry-run=client --validate=false -o json -f "$manifest" |
        jq -r 'select(.kind == "Deployment" or .kind == "Pod") | (.spec.template.spec // .spec).containers[0].args[]' |
        sed "${edits[@]}" -e "s,/var/cache/plimsoll,$work/cache,")
    [ "${serve_args[0]:-}" = serve ] || fail "no arguments for the server in $manifest"
}
serve() { # DOCKER_CONFIG, then more flags
    local config=$1 try
    shift
    DOCKER_CONFIG=$config REGISTRY_AUTH_FILE=$config/config.json "$bin" "${serve_args[@]}" "$@" 2>>"$work/serve.log" &
    serve_pid=$!
    disown # its end is waited for by its id; the shell has nothing to say about it
    serve_started=$(now)
    for try in $(seq 100); do
        ready >/dev/null 2>&1 && return
        kill -0 "$serve_pid" 2>/dev/null || break
        sleep 0.1
    done
    fail "the server does not become ready: $(tail -n 3 "$work/serve.log")"
}
# How the server is asked for its own words: asked PATH.
ask_by_port() {
    gate_at=127.0.0.1:$port
    asked() { curl -fsS --max-time 5 --cacert "$install/pki/ca.crt" "https://$gate_at/$1"; }
}
ready() { asked readyz; }
metric() { asked metrics | awk -v name="$1" '$1 == name { print $2; found = 1 } END { exit !found }'; }
serve_end() { # [SIGNAL]
    [ -n "$serve_pid" ] || return 0
    kill "-${1:-TERM}" "$serve_pid" 2>/dev/null || true
    timeout 20 tail --pid="$serve_pid" -s 0.05 -f /dev/null || fail "the server does not end"
    serve_pid=""
}

# --- the API server ------------------------------------------------------------------------------------------------
cat >"$work/audit.yaml" <<'YAML'
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - {level: Metadata, verbs: [create, update, patch, delete], resources: [{group: ""}, {group: apps}, {group: batch}]}
YAML
apiserver() { # FLAG…
    cluster_start_apiserver --audit-policy-file="$work/audit.yaml" --audit-log-path="$work/audit.log" "$@"
}
flags() { mapfile -t apiserver_flags < <(grep '^--' "$node/flags.txt"); }
# What the audit log says of a pod's creation under a key; the newest wins.
audited() { # POD KEY
    tac "$work/audit.log" | jq -r --arg pod "$1" --arg key "$2" \
        'select(.objectRef.resource == "pods" and .objectRef.name == $pod and .verb == "create") | .annotations[$key] // empty' | head -n 1
}

audit_fault() { fail "the audit log says of $1: $(grep "\"name\":\"$1\"" "$work/audit.log" | tail -n 1 | jq -c .annotations)"; }

# --- pods ----------------------------------------------------------------------------------------------------------
pod() { # NAME IMAGE [JQ-EXPRESSION that edits it]
    jq -n --arg name "$1" --arg image "$2" '{apiVersion: "v1", kind: "Pod", metadata: {name: $name}, spec:
        {automountServiceAccountToken: false, containers: [{name: "web", image: $image}]}}' | jq "${3:-.}"
}
# A kubectl command that must succeed; what it says goes into $out/said.
allowed() { # NAME COMMAND… (standard input is its)
    local name=$1
    shift
    "$@" >"$out/said" 2>&1 || fail "$name: refused: $(cat "$out/said")"
}
# One that must be refused, with all the words of the list in the message.
denied() { # NAME "WORD|WORD…" COMMAND…
    local name=$1 words=$2 word
    shift 2
    if "$@" >"$out/said" 2>&1; then fail "$name: let in: $(cat "$out/said")"; fi
    while IFS= read -r word; do
        grep -qF -- "$word" "$out/said" || fail "$name: the message does not say \"$word\": $(cat "$out/said")"
    done < <(tr '|' '\n' <<<"$words")
}
create() { kube create -f - "$@"; }
create_as() { local who=$1; shift; kube_as "$who" create -f - "$@"; }
absent() { ! kube get "$@" >/dev/null 2>&1 || fail "it exists: $*"; }
annotation='.metadata.annotations = {"shop.image-policy.k8s.io/ticket-4711": "break-glass"}'
no_ticket='.metadata.annotations = {"shop.image-policy.k8s.io/note": "break-glass"}'

# --- load ----------------------------------------------------------------------------------------------------------
load_start() { # RECORD
    rm -f "$work/load.stop"
    load_record=$out/$1
    : >"$load_record"
    python3 scripts/e2e_cluster_load.py run "$CLUSTER_SERVER" "$CLUSTER_CA" "$CLUSTER/pki/user-admin.crt" \
        "$CLUSTER/pki/user-admin.key" load "$good" "$bad" "$load_record" "$work/load.stop" &
    load_pid=$!
}
load_answers() { # N: until so many more answers came
    local want=$(($(wc -l <"$load_record") + $1)) try
    for try in $(seq 200); do
        [ "$(wc -l <"$load_record")" -ge "$want" ] && return
        sleep 0.1
    done
    fail "the load stands still: $(tail -n 1 "$load_record")"
}
load_end() {
    touch "$work/load.stop"
    timeout 30 tail --pid="$load_pid" -s 0.05 -f /dev/null || fail "the load does not end"
    wait "$load_pid" || fail "the load failed"
    load_pid=""
}

# Killed without a chance to say good-bye, and started again, while pods are made.
killed_under_load() { # ROAD
    local down up said
    load_start "outage-$1"
    load_answers 40
    serve_end KILL
    down=$(now)
    denied "$1, the gate away" "" create < <(pod "away-$1" "$good" '.metadata.annotations = {"x.image-policy.k8s.io/n": "away"}')
    load_answers 20
    up=$(now)
    serve "$work/registry"
    # From the start of the process, not from its readiness.
    up=$serve_started
    load_answers 60
    load_end
    said=$(python3 scripts/e2e_cluster_load.py outage "$load_record" "$down" "$up" 2>&1) || fail "road $1, killed under load: $said"
    ok "road $1: killed and restarted under load: $said"
}

served_certificate() { timeout 10 openssl s_client -connect "$gate_at" </dev/null 2>/dev/null | openssl x509 -noout "${1:--serial}" "${@:2}"; }
authority() { served_certificate -ext authorityKeyIdentifier; }
# New certificates while pods are made; BRING puts them where the server reads them. The API server keeps its connection,
# so others knock at the same time with what it held when it started.
rotated_under_load() { # ROAD NAME BRING
    local before said knocks knocking try
    before=$(served_certificate)
    load_start "rotate-$1"
    cp "$install"/pki/{ca.crt,client.crt,client.key} "$out/"
    python3 scripts/e2e_cluster_load.py handshakes "$gate_at" "$2" "$out/ca.crt" "$out/client.crt" "$out/client.key" "$work/load.stop" >"$out/handshakes" 2>&1 &
    knocking=$!
    load_answers 20
    "$bin" install --rotate "$install" >"$out/rotate"
    "$3"
    for try in $(seq 60); do
        [ "$(served_certificate)" = "$before" ] || break
        sleep 0.2
    done
    [ "$(served_certificate)" != "$before" ] || fail "road $1: the server still shows the old certificate"
    load_answers 60
    load_end
    wait "$knocking" || fail "road $1, certificates rotated under load: $(cat "$out/handshakes")"
    knocks=$(cat "$out/handshakes")
    said=$(python3 scripts/e2e_cluster_load.py steady "$load_record" 2>&1) || fail "road $1, certificates rotated under load: $said"
    serve_end
    serve "$work/registry"
    # Where the API server shows a certificate of its own, it closes the connection over which it first shows a new one
    # (client-go, cert_rotation.go: loadClientCert within the handshake): the question on that connection is lost.
    rotated() { pod "rotated-$1" "$good" '.metadata.annotations = {"x.image-policy.k8s.io/n": "rotated"}' | create; }
    rotated "$1" >"$out/said" 2>&1 || grep -q "use of closed network connection" "$out/said" || fail "road $1, after the rotation: $(cat "$out/said")"
    kube get pod "rotated-$1" >/dev/null 2>&1 || allowed "a new connection of the API server's" rotated "$1"
    ok "road $1: certificates rotated under load: $said; nor did one of $knocks"
}

# === before the gate ===============================================================================================
cluster_start_etcd
apiserver
for namespace in load sandbox team; do cluster_namespace "$namespace"; done
for user_ in builder:builders alice:oncall bob:developers; do
    cluster_user "${user_%%:*}" "${user_##*:}" >/dev/null
    cluster_grant "${user_%%:*}" default
done
allowed "before the gate" create < <(pod old "$bad")
allowed "before the gate" kube create deployment old --image="$bad"
ok "before the gate: everything is let in"
cluster_stop_apiserver

# === road image-policy =============================================================================================
cp -r "$install/image-policy" "$node"
# Here nobody says who asks.
sed -i 's/groups: \[oncall\]/groups: any/' "$node/loadline.yaml"
flags
apiserver "${apiserver_flags[@]}"
ask_by_port
denied "first start" "image_policy|connect: connection refused" create < <(pod first "$good")
ok "road image-policy: nothing is let in before the gate is there"
arguments "$node/plimsoll.yaml"
serve "$work/registry"

review=$(jq -n --arg image "$good" '{apiVersion: "imagepolicy.k8s.io/v1alpha1", kind: "ImageReview", spec: {namespace: "default", containers: [{image: $image}]}}')
curl -fsS --max-time 10 --cacert "$install/pki/ca.crt" -d "$review" "https://$gate_at/image_policy" >"$out/stranger"
jq -e '.status.allowed == false and (.status.reason | test("certificate"))' "$out/stranger" >/dev/null || fail "a client without a certificate: $(cat "$out/stranger")"
curl -fsS --max-time 10 --cacert "$install/pki/ca.crt" --cert "$node/pki/client.crt" --key "$node/pki/client.key" -d "$review" "https://$gate_at/image_policy" >"$out/client"
jq -e '.status.allowed == true' "$out/client" >/dev/null || fail "a client with the API server's certificate: $(cat "$out/client")"
ok "road image-policy: only the API server's certificate is answered"
allowed "allowed pod" create < <(pod ip-good "$good")
ok "road image-policy: a good pod"
denied "denied pod" "image policy webhook backend denied one or more images|$bad|runs-as-root" create < <(pod ip-bad "$bad")
absent pod ip-bad
ok "road image-policy: a bad pod is denied; the message names image and reason"
denied "foreign registry" "nginx:1.27|not from an allowed registry" create < <(pod ip-foreign nginx:1.27)
ok "road image-policy: an image of another registry"
denied "init container" "$bad|runs-as-root" create < <(pod ip-init "$good" '.spec.initContainers = [{name: "init", image: "'"$bad"'"}]')
ok "road image-policy: a bad init container"
denied "ephemeral container" "$bad|runs-as-root" kube debug ip-good --image="$bad" --container=debug-bad --profile=general --attach=false
allowed "ephemeral container" kube debug ip-good --image="$good" --container=debug-good --profile=general --attach=false
[ "$(kube get pod ip-good -o jsonpath='{.spec.ephemeralContainers[*].name}')" = debug-good ] || fail "ephemeral containers: $(kube get pod ip-good -o yaml)"
ok "road image-policy: kubectl debug with a bad image is denied, with a good one not"
denied "broken name" "63 hexadecimal digits, not 64" create < <(pod ip-broken "$registry/shop/web@sha256:$(printf '0%.0s' $(seq 63))")
ok "road image-policy: a name with a digit too few"
denied "missing tag" "$registry/shop/web:9.9.9|not found|try again in 15 s" create < <(pod ip-missing "$registry/shop/web:9.9.9")
ok "road image-policy: an image that is not there; the message says when the API server asks again (denyTTL)"
allowed "dry-run" create --dry-run=server < <(pod ip-dry "$good")
absent pod ip-dry
denied "dry-run" "$bad|runs-as-root" create --dry-run=server < <(pod ip-dry "$bad")
ok "road image-policy: server-side dry-run"
reviews() { asked metrics | awk '/^plimsoll_reviews_total\{road="image_policy"/ { n += $2 } END { print n }'; }
before=$(reviews)
for copy in 1 2 3; do allowed "again" create < <(pod "ip-again-$copy" "$good" '.metadata.annotations = {"x.image-policy.k8s.io/n": "again"}'); done
[ $(($(reviews) - before)) = 1 ] || fail "the same question was asked $(($(reviews) - before)) times"
ok "road image-policy: the same question again is the API server's own memory (allowTTL)"

prefix=imagepolicywebhook.image-policy.k8s.io
denied "no ticket" "runs-as-root" create < <(pod ip-glass "$bad" "$no_ticket")
allowed "break-glass" create < <(pod ip-glass "$bad" "$annotation")
allowed "a pod to delete" create < <(pod ip-dying "$good")
case "$(audited ip-glass $prefix/break-glass)" in *4711*) ;; *) audit_fault ip-glass ;; esac
allowed "good image" create < <(pod ip-glass-good "$good" "$annotation")
[ "$(metric plimsoll_break_glass_total)" = 1 ] || fail "broken glass is counted $(metric plimsoll_break_glass_total) times"
ok "road image-policy: break-glass with a ticket and not without; in the audit log and counted"
[ "$(audited ip-good $prefix/outcome)" = allowed ] || audit_fault ip-good
case "$(audited ip-good $prefix/policy)" in e2e@sha256:*) ;; *) audit_fault ip-good ;; esac
case "$(audited ip-good $prefix/images)" in *"$good=$good_digest"*) ;; *) audit_fault ip-good ;; esac
ok "road image-policy: the audit log has outcome, policy and the image's digest"
allowed "exempt namespace" kube -n sandbox create -f - < <(pod ip-exempt "$bad")
case "$(audited ip-exempt $prefix/exempt)" in *OPS-7*) ;; *) audit_fault ip-exempt ;; esac
ok "road image-policy: an exempt namespace; in the audit log with its ticket"
allowed "mode warn" create < <(pod ip-watched "$watched")
case "$(audited ip-watched $prefix/denied)" in *runs-as-root*) ;; *) audit_fault ip-watched ;; esac
ok "road image-policy: mode warn lets it run, and the audit log says what would be denied"

denied "label" "$bad|runs-as-root" kube label pod old seen=yes
ok "road image-policy: an update of what runs already is judged whole, for the API server does not say what is new"

# The last good policy stays.
cp "$node/loadline.yaml" "$work/kept.yaml"
echo "images: [" >>"$node/loadline.yaml"
stale() { [ "$(metric plimsoll_policy_stale)" = "$1" ]; }
for try in $(seq 60); do stale 1 && break; sleep 0.1; done
stale 1 || fail "a policy with a fault is not told of"
asked readyz >"$out/readyz" || fail "not ready any more: $(cat "$out/readyz")"
grep -qi policy "$out/readyz" || fail "/readyz says nothing of the policy: $(cat "$out/readyz")"
denied "a policy with a fault" "$bad|runs-as-root" create < <(pod ip-stale "$bad" '.metadata.annotations = {"x.image-policy.k8s.io/n": "stale"}')
cp "$work/kept.yaml" "$node/loadline.yaml"
for try in $(seq 60); do stale 0 && break; sleep 0.1; done
stale 0 || fail "the policy is sound again, and still told of"
ok "road image-policy: with a policy that has a fault the last good one stays, and /readyz says so"

killed_under_load image-policy
bring_files() { cp "$install"/image-policy/pki/* "$node/pki/"; }
old_authority=$(authority)
rotated_under_load image-policy 127.0.0.1 bring_files
[ "$(grep -c BEGIN "$node/pki/ca.crt")" = 2 ] || fail "the authority's successor is not beside it"
[ "$(authority)" = "$old_authority" ] || fail "the successor signs already, and nobody believes it yet"
ok "road image-policy: the authority's successor is believed before it signs"
cluster_stop_apiserver
serve_end KILL

# === road webhook ==================================================================================================
apiserver
(cd "$install" && for part in 00 10 20 30 40 50 60; do kube apply -f webhook/manifests/$part-*.yaml; done) >"$out/apply" 2>&1 || fail "apply: $(cat "$out/apply")"
! grep -i warning "$out/apply" || fail "the objects are applied with warnings"
allowed "kustomize" kube apply --dry-run=server -k "$install/webhook"
ok "road webhook: the objects, and the Kustomize folder, are taken without a warning"
system=plimsoll-system
# In a cluster the Service leads to pods. Here it leads to an address by its name; what the API server asks for, and whom
# it believes there, is as install wrote it.
kube -n $system delete service plimsoll >/dev/null
kube -n $system create service externalname plimsoll --external-name="$gate" >/dev/null
mounted=$work/pod
# As a kubelet would lay out the Secret and the ConfigMap.
mount_secret() {
    local key
    mkdir -p "$mounted/tls" "$mounted/policy"
    for key in tls.crt tls.key; do
        kube -n $system get secret plimsoll-tls -o json | jq -r --arg key $key '.data[$key]' | base64 -d >"$mounted/tls/.new" && mv "$mounted/tls/.new" "$mounted/tls/$key"
    done
    kube -n $system get configmap plimsoll-policy -o json | jq -j '.data["loadline.yaml"]' >"$mounted/policy/loadline.yaml"
}
mount_secret
cmp -s "$mounted/policy/loadline.yaml" "$work/loadline.yaml" || fail "the ConfigMap's policy is not the file's"
token=$(kube -n $system create token plimsoll)
kube config view --raw -o json | jq --arg token "$token" '.users = [{name: "gate", user: {token: $token}}] | .contexts[0].context.user = "gate"' >"$work/gate.kubeconfig"
gate_at=$gate:443
# curl knows no Service either: the certificate speaks for its name.
asked() { curl -fsS --max-time 5 --cacert "$install/pki/ca.crt" --connect-to "plimsoll.$system.svc:443:$gate:443" "https://plimsoll.$system.svc/$1"; }
arguments "$install/webhook/manifests/50-deployment.yaml" "s,/etc/plimsoll,$mounted,"  "s,^--port=.*,--port=443,"
printf '%s\n' "${serve_args[@]}" | grep -qx -- --pull-secrets || fail "no --pull-secrets for the server: ${serve_args[*]}"
printf '%s\n' "${serve_args[@]}" | grep -qx -- --prewarm-cluster || fail "no --prewarm-cluster for the server: ${serve_args[*]}"
serve_args+=(--address="$gate" --kubeconfig="$work/gate.kubeconfig")
kube apply -f "$install/webhook/manifests/80-mutating.yaml" -f "$install/webhook/manifests/90-validating.yaml" >/dev/null
until_denied() { # the configurations reach the API server's own memory after a moment
    local try
    for try in $(seq 100); do
        "$@" >"$out/said" 2>&1 || return 0
        sleep 0.1
    done
    fail "the webhooks are not in force: $(cat "$out/said")"
}
dry_pod() { pod wh-none "$good" | create --dry-run=server; }
until_denied dry_pod
denied "first start" "failed calling webhook|connection refused" create < <(pod first "$good")
ok "road webhook: nothing is let in before the gate is there"
allowed "ConfigMap" kube create configmap while-away
allowed "Lease" create <<<'{"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "while-away", "namespace": "default"}}'
allowed "scale" kube scale deployment old --replicas=4
allowed "delete" kube delete pod ip-dying --wait=false
restricted='.spec.securityContext = {runAsNonRoot: true, runAsUser: 65532, seccompProfile: {type: "RuntimeDefault"}} |
    .spec.containers[0].securityContext = {allowPrivilegeEscalation: false, capabilities: {drop: ["ALL"]}}'
allowed "the gate's own pod" kube -n $system create -f - < <(pod gate-itself plimsoll:0.1.0 "$restricted")
ok "road webhook: the gate away, what names no image goes on, and the gate itself can start"
serve "$work/registry"
prewarmed() { [ "$(metric plimsoll_images_assessed_total)" -ge 1 ] && [ "$(metric plimsoll_verdicts_made_total)" -ge 1 ]; }
for try in $(seq 50); do prewarmed && break; sleep 0.1; done
prewarmed && [ "$(metric 'plimsoll_reviews_total{road="validate",outcome="allowed"}')" = 0 ] || fail "no image of the cluster's pods was assessed: $(asked metrics | grep -v '^#')"
ok "road webhook: $(metric plimsoll_images_assessed_total) images of the cluster's pods are assessed before anyone asks, with the rights of install"

allowed "allowed pod" create < <(pod wh-good "$good")
[ "$(kube get pod wh-good -o jsonpath='{.spec.containers[0].image}')" = "$good@$good_digest" ] || fail "not pinned: $(kube get pod wh-good -o jsonpath='{.spec.containers[0].image}')"
ok "road webhook: a good pod; /mutate wrote tag@digest, and what it wrote is allowed"
denied "denied pod" 'admission webhook "images.plimsoll.plimsoll.dev" denied the request|'"$bad|runs-as-root" create < <(pod wh-bad "$bad")
absent pod wh-bad
ok "road webhook: a bad pod is denied; the message names image and reason"
denied "init container" "init|$bad|runs-as-root" create < <(pod wh-init "$good" '.spec.initContainers = [{name: "init", image: "'"$bad"'"}]')
ok "road webhook: a bad init container, by its name"
denied "Deployment" "$bad|runs-as-root" kube create deployment wh-bad --image="$bad"
absent deployment wh-bad
allowed "Deployment" kube create deployment wh-good --image="$good"
[ "$(kube get deployment wh-good -o jsonpath='{.spec.template.spec.containers[0].image}')" = "$good" ] || fail "the Deployment was changed"
ok "road webhook: a Deployment is denied at once; a good one is left as it was written"
denied "CronJob" "$bad|runs-as-root" kube create cronjob wh-bad --schedule="0 3 * * *" --image="$bad"
allowed "CronJob" kube create cronjob wh-good --schedule="0 3 * * *" --image="$good"
ok "road webhook: a CronJob"
denied "ephemeral container" "$bad|runs-as-root" kube debug wh-good --image="$bad" --container=debug-bad --profile=general --attach=false
allowed "ephemeral container" kube debug wh-good --image="$good" --container=debug-good --profile=general --attach=false
[ "$(kube get pod wh-good -o jsonpath='{.spec.ephemeralContainers[0].image}')" = "$good@$good_digest" ] || fail "ephemeral containers: $(kube get pod wh-good -o yaml)"
ok "road webhook: kubectl debug with a bad image is denied, with a good one pinned"
denied "broken name" "63 hexadecimal digits, not 64" create < <(pod wh-broken "$registry/shop/web@sha256:$(printf '0%.0s' $(seq 63))")
ok "road webhook: a name with a digit too few"
allowed "label" kube label pod old seen=yes
allowed "label" kube label deployment old seen=yes
allowed "scale" kube scale deployment old --replicas=3
allowed "replicas" kube patch deployment old --type=merge -p '{"spec": {"replicas": 2}}'
denied "another bad image" "runs-as-root" kube set image deployment/wh-good "web=$bad"
ok "road webhook: what runs already is labelled and scaled, whatever its image; a bad image does not come in by an update"
allowed "mode warn" create < <(pod wh-watched "$watched")
grep -q '^Warning: .*runs-as-root' "$out/said" || fail "mode warn: no warning: $(cat "$out/said")"
ok "road webhook: mode warn: kubectl shows the warning"
privileged='.spec.containers[0].securityContext = {privileged: true} | .metadata.annotations = {"plimsoll.dev/allow": "privileged-container I say so"}'
denied "privileged pod" 'Pod "wh-privileged"|privileged-container' create < <(pod wh-privileged "$good" "$privileged")
template=$(pod x "$good" "$privileged" | jq -c '{metadata: {labels: {app: "x"}}, spec: .spec}')
denied "privileged Deployment" 'Deployment.apps "wh-privileged"|privileged-container' create < <(jq -n --argjson template "$template" \
    '{apiVersion: "apps/v1", kind: "Deployment", metadata: {name: "wh-privileged"}, spec: {selector: {matchLabels: {app: "x"}}, template: $template}}')
allowed "privileged in an exempt namespace" kube -n sandbox create -f - < <(pod wh-privileged "$good" "$privileged")
allowed "label of a privileged pod" kube -n sandbox label pod wh-privileged seen=yes
allowed "host path" create < <(pod wh-host-path "$good" '.spec.volumes = [{name: "h", hostPath: {path: "/var/log"}}]')
grep -q '^Warning: .*host-path-volume' "$out/said" || fail "host path: no warning: $(cat "$out/said")"
ok "road webhook: a privileged pod and its Deployment are denied by workloads, whatever their annotations say; a host path is warned of"
allowed "dry-run" create --dry-run=server -o json < <(pod wh-dry "$good")
grep -qF "$good@$good_digest" "$out/said" || fail "dry-run: not pinned: $(cat "$out/said")"
absent pod wh-dry
denied "dry-run" "$bad|runs-as-root" create --dry-run=server < <(pod wh-dry "$bad")
ok "road webhook: server-side dry-run"

prefix=images.plimsoll.plimsoll.dev
denied "no ticket" "runs-as-root" create_as alice < <(pod wh-glass "$bad" "$no_ticket")
denied "another group" "runs-as-root" create_as bob < <(pod wh-glass "$bad" "$annotation")
allowed "break-glass" create_as alice < <(pod wh-glass "$bad" "$annotation")
case "$(audited wh-glass $prefix/break-glass)" in *alice*4711* | *4711*alice*) ;; *) audit_fault wh-glass ;; esac
ok "road webhook: break-glass for the group on call, with a ticket; in the audit log with who"
allowed "exempt user" create_as builder < <(pod wh-exempt "$bad")
case "$(audited wh-exempt $prefix/exempt)" in *OPS-8*) ;; *) audit_fault wh-exempt ;; esac
denied "another user" "runs-as-root" create_as bob < <(pod wh-exempt-not "$bad")
ok "road webhook: an exempt user; in the audit log with its ticket"
allowed "exempt namespace" kube -n sandbox create -f - < <(pod wh-exempt "$bad")
ok "road webhook: an exempt namespace"

killed_under_load webhook
bring_secret() { kube apply -f "$install/webhook/manifests/20-certificates.yaml" -f "$install/webhook/manifests/80-mutating.yaml" -f "$install/webhook/manifests/90-validating.yaml" >/dev/null && mount_secret; }
rotated_under_load webhook plimsoll.$system.svc bring_secret
[ "$(authority)" != "$old_authority" ] || fail "the old authority still signs"
"$bin" install --check "$install" >"$out/check" || fail "install --check finds faults in what it renewed: $(cat "$out/check")"
ok "road webhook: the authority's successor signs, and install --check finds nothing in what was renewed"

# --- pull secrets --------------------------------------------------------------------------------------------------
serve_end
serve "$work/nobody"
kube -n team create secret docker-registry shop-pull --docker-server="$registry" --docker-username="$user" --docker-password="$password" >/dev/null
denied "no credentials" "$private|credentials" kube -n team create -f - < <(pod ps-none "$private")
ok "pull secrets: without any the pod is denied, and credentials are the reason"
allowed "pull secret" kube -n team create -f - < <(pod ps-pod "$private" '.spec.imagePullSecrets = [{name: "shop-pull"}]')
ok "pull secrets: the pod's own"
denied "no credentials" "$private|credentials" kube -n team create -f - < <(pod ps-none "$private")
ok "pull secrets: what one pod may pull is no leave for another"
kube -n team create serviceaccount puller >/dev/null
kube -n team patch serviceaccount puller -p '{"imagePullSecrets": [{"name": "shop-pull"}]}' >/dev/null
allowed "service account" kube -n team create -f - < <(pod ps-account "$private" '.spec.serviceAccountName = "puller"')
ok "pull secrets: the service account's"

# --- taking it back ------------------------------------------------------------------------------------------------
"$bin" install --remove --config-dir "$node" >"$out/remove.sh"
cmp -s "$out/remove.sh" "$install/remove.sh" || fail "install --remove prints another script than install wrote"
(KUBECONFIG=$CLUSTER_ADMIN PATH=$work:$PATH sh "$out/remove.sh" --yes) >"$out/remove" 2>&1 || fail "remove.sh: $(cat "$out/remove")"
serve_end KILL
removed() { pod after-remove "$bad" | create; }
for try in $(seq 50); do removed >"$out/said" 2>&1 && break; sleep 0.1; done
allowed "after the removal" kube get pod after-remove
left=$(kube get validatingwebhookconfigurations,mutatingwebhookconfigurations,clusterroles,clusterrolebindings -l app.kubernetes.io/name=plimsoll -o name &&
    kube -n $system get all,configmaps,secrets,serviceaccounts,networkpolicies,poddisruptionbudgets,resourcequotas -l app.kubernetes.io/name=plimsoll -o name)
[ -z "$left" ] || fail "remove.sh leaves $left"
ok "install --remove takes everything back, and pods are made as before"
cluster_stop_apiserver

# === road static ===================================================================================================
rm -rf "$node"
cp -r "$install/static" "$node"
flags
ask_by_port
arguments "$node/plimsoll.yaml"
serve "$work/registry"
# The load begins before the API server does: its first answers count.
load_start static
apiserver "${apiserver_flags[@]}"
load_answers 40
load_end
said=$(python3 scripts/e2e_cluster_load.py first "$load_record" 2>&1) || fail "road static: $said"
ok "road static: from the first request: $said"
allowed "allowed pod" create < <(pod st-good "$good")
[ "$(kube get pod st-good -o jsonpath='{.spec.containers[0].image}')" = "$good@$good_digest" ] || fail "not pinned: $(kube get pod st-good -o jsonpath='{.spec.containers[0].image}')"
denied "denied pod" 'admission webhook "images.plimsoll.static.k8s.io" denied the request|'"$bad|runs-as-root" create < <(pod st-bad "$bad")
denied "Deployment" "$bad|runs-as-root" kube create deployment st-bad --image="$bad"
ok "road static: a good pod is let in and pinned, a bad one and a bad Deployment are denied"
[ -z "$(kube get validatingwebhookconfigurations,mutatingwebhookconfigurations -o name)" ] || fail "kubectl sees webhooks"
for kind in validating mutating; do
    denied "delete" "not found" kube delete "${kind}webhookconfiguration" plimsoll.static.k8s.io
done
allowed "delete" kube delete "validatingwebhookconfigurations,mutatingwebhookconfigurations" --all
denied "after the deletes" "$bad|runs-as-root" create < <(pod st-bad "$bad")
ok "road static: kubectl neither sees nor deletes it"
serve_end KILL
denied "the gate away" "failed calling webhook|connection refused" create < <(pod st-away "$good")
ok "road static: nothing is let in without the gate"
cluster_stop_apiserver
apiserver
allowed "without the flags" create < <(pod st-bad "$bad")
ok "road static: without the flags the API server starts, and pods are made as before"
cluster_stop_apiserver

# === files of notes ================================================================================================
faults=$work/faults
mkdir -p "$faults"
found() { # FOLDER FAULT…: install --check says them, with status 1
    local folder=$1 fault status=0
    shift
    "$bin" install --check "$folder" >"$out/faults" 2>&1 || status=$?
    [ "$status" = 1 ] || fail "install --check $folder: status $status: $(cat "$out/faults")"
    for fault in "$@"; do grep -qw -- "$fault" "$out/faults" || fail "install --check $folder does not find $fault: $(cat "$out/faults")"; done
}
no_start() { # WORDS FLAG…: the API server ends, and its log says why
    local words=$1 size
    shift
    size=$(wc -c <"$CLUSTER/apiserver.log")
    if apiserver "$@" 2>"$out/no-start"; then fail "the API server starts with $*"; fi
    tail -c "+$((size + 1))" "$CLUSTER/apiserver.log" | grep -qF -- "$words" || fail "the API server does not say \"$words\": $(tail -n 5 "$CLUSTER/apiserver.log")"
}
# Of the control plane's files as install writes them, with one line changed as the notes have it.
faulty() { # NAME
    cp -r "$install/image-policy" "$faults/$1"
    sed -i "s,$node,$faults/$1,g" "$faults/$1"/*.yaml "$faults/$1/flags.txt"
    rm -r "$faults/$1"/{kubeadm,plimsoll.service}
    mapfile -t apiserver_flags < <(grep '^--' "$faults/$1/flags.txt")
}
faulty backtick
sed -i 's,client.key$,client.key`,' "$faults/backtick/kubeconfig.yaml"
found "$faults/backtick" stray-backtick
no_start "no such file or directory" "${apiserver_flags[@]}"
ok "notes: a stray backtick: install --check finds it, the API server does not start"
faulty contexts
sed -i '/^contexts:/,$d' "$faults/contexts/kubeconfig.yaml"
found "$faults/contexts" context-missing
no_start "no configuration has been provided" "${apiserver_flags[@]}"
ok "notes: a kubeconfig without contexts: install --check finds it, the API server does not start"
faulty plugin
sed -i 's/ImagePolicyWebhook$/ImagePolicyWebhook,PodSecurityPolicy/' "$faults/plugin"/{flags.txt,kube-apiserver.yaml}
mapfile -t apiserver_flags < <(grep '^--' "$faults/plugin/flags.txt")
found "$faults/plugin" removed-plugin
no_start "PodSecurityPolicy" "${apiserver_flags[@]}"
ok "notes: a plugin that is no more: install --check finds it, the API server does not start"
faulty ttl
sed -i 's/allowTTL: .*/allowTTL: 5000/' "$faults/ttl"/{admission,image-policy}.yaml
found "$faults/ttl" ttl-out-of-range
no_start "valid value is between" "${apiserver_flags[@]}"
ok "notes: a time out of range: install --check finds it, the API server does not start"
faulty open
sed -i 's/defaultAllow: false/defaultAllow: true/' "$faults/open"/{admission,image-policy}.yaml
sed -i 's,https://127.0.0.1:.*,https://image-bouncer-webhook.default:1323/image_policy,' "$faults/open/kubeconfig.yaml"
found "$faults/open" default-allow cluster-dns-name
# Nobody is asked beyond this machine, not even for a name.
sed -i "s,https://image-bouncer-webhook.default:1323,https://127.0.0.1:$(cluster_port)," "$faults/open/kubeconfig.yaml"
apiserver "${apiserver_flags[@]}"
allowed "defaultAllow" create < <(pod open-bad "$bad")
[ "$(audited open-bad imagepolicywebhook.image-policy.k8s.io/failed-open)" = true ] || audit_fault open-bad
cluster_stop_apiserver
ok "notes: defaultAllow and a Service's name: install --check finds both; without the gate the API server lets everything in"
faulty san
openssl req -nodes -new -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -days 90 -subj /CN=127.0.0.1 \
    -keyout "$faults/san/webhook-key.pem" -out "$faults/san/webhook.pem" 2>/dev/null
sed -i "s,certificate-authority: .*,certificate-authority: $faults/san/webhook.pem," "$faults/san/kubeconfig.yaml"
found "$faults/san" certificate-without-san
arguments "$faults/san/plimsoll.yaml" "s,pki/server.crt,webhook.pem," "s,pki/server.key,webhook-key.pem,"
asked() { curl -fsS --max-time 5 --insecure "https://$gate_at/$1"; }
serve "$work/registry"
apiserver "${apiserver_flags[@]}"
denied "no names" "certificate relies on legacy Common Name field" create < <(pod san-good "$good")
cluster_stop_apiserver
serve_end KILL
ask_by_port
ok "notes: a certificate without names: install --check finds it, the API server does not believe it"
cat >"$faults/webhook.yaml" <<'YAML'
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: pod-policy.example.com}
webhooks:
  - name: pod-policy.example.com
    rules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [pods], scope: Namespaced}]
    clientConfig: {service: {namespace: example, name: example-service, path: /validate}, caBundle: <..>}
    admissionReviewVersions: [v1]
    sideEffects: None
    timeoutSeconds: 5
YAML
found "$faults/webhook.yaml" ca-bundle-placeholder ephemeral-containers-missing failure-policy-missing
ok "notes: a webhook configuration: install --check finds what is missing"
# The older shape of the same settings, and the way back from it.
cp -r "$install/image-policy" "$faults/older"
rm -rf "$node"
mv "$faults/older" "$node"
flags
arguments "$node/plimsoll.yaml"
apiserver "${apiserver_flags[@]/admission.yaml/image-policy.yaml}"
serve "$work/registry"
allowed "older shape" create < <(pod older-good "$good")
denied "older shape" "$bad|runs-as-root" create < <(pod older-bad "$bad")
serve_end KILL
cluster_stop_apiserver
rm -r "$node"
apiserver
allowed "after the removal" create < <(pod older-bad "$bad")
ok "road image-policy: the older shape works too; without flags and files the API server starts"

echo "say: $checks checks with $("$binaries/kube-apiserver" --version), three roads, in $((SECONDS - began)) s"
