#!/usr/bin/env bash
# Holds `plimsoll install` against a real API server:
#   scripts/peers/install.sh PLIMSOLL BINARIES        BINARIES is what build-apiserver.sh filled
# What it writes is accepted: every object by a server-side dry run, the files of the control plane by an API server that
# starts. What `install --check` calls an error, put into those files, keeps the API server from starting. Prints a line each
# and fails when one differs. With helm on the PATH, its chart is held against the plain files too.
set -euo pipefail
plimsoll=$(realpath "${1:?usage: install.sh PLIMSOLL BINARIES}")
binaries=$(realpath "${2:?usage: install.sh PLIMSOLL BINARIES}")
cd "$(dirname "$0")/../.."
source scripts/lib/cluster.sh
work=$(mktemp -d)
failed=0
cluster_open "$work/cluster" "$binaries"
trap 'cluster_stop; rm -rf "$work"' EXIT
cluster_start_etcd
cd "$work"

is() { # WHAT EXPECTED FOUND
    if [ "$2" = "$3" ]; then echo "ok    $1"; else echo "FAIL  $1: $3, not $2"; failed=1; fi
}

# --- objects --------------------------------------------------------------------------------------------------------
cluster_start_apiserver
"$plimsoll" install -q --out plain >/dev/null
"$plimsoll" install -q --out full --kube-system --pull-secrets --prewarm --database registry.example.com/db:1 >/dev/null
kube apply -f plain/webhook/manifests/00-namespace.yaml >/dev/null
for gate in plain full; do
    said=$(kube apply --dry-run=server -f $gate/webhook/manifests/ 2>&1) && status=0 || status=$?
    is "$gate: every object is accepted" 0 $status
    is "$gate: without a warning" "" "$(grep -i warning <<<"$said" || true)"
    kube apply --dry-run=server -k $gate/webhook >/dev/null && status=0 || status=$?
    is "$gate: so is the Kustomize folder" 0 $status
    if command -v helm >/dev/null; then
        helm template plimsoll $gate/helm/plimsoll --namespace plimsoll-system --kube-version 1.36 >$gate.yaml
        kube diff -f $gate.yaml >/dev/null 2>&1 && status=0 || status=$? # 1: it differs from the cluster, which is empty
        is "$gate: so is the chart" 1 $status
        objects() { kube create --dry-run=client -o json "$@" | jq -S -c '(.items // [.])[] | select(.kind != "Namespace" and .kind != "ResourceQuota")' | sort; }
        is "$gate: the chart is the plain files" "$(objects -f $gate/webhook/manifests/ | sha256sum)" "$(objects -f $gate.yaml | sha256sum)"
    fi
done
is "a static pod of the server is accepted" 0 "$(kube apply --dry-run=server -f plain/image-policy/plimsoll.yaml >/dev/null 2>&1; echo $?)"
cluster_stop_apiserver

# --- the control plane's files --------------------------------------------------------------------------------------
for road in image-policy static; do
    "$plimsoll" install -q --road $road --config-dir "$work/conf" --out $road >/dev/null
done
flags() { grep -h '^--' conf/flags.txt | tr '\n' ' '; }
starts() { (cluster_start_apiserver "$@") >/dev/null 2>&1 && echo starts || echo refused; cluster_stop_apiserver; }
# with ROAD WHAT EDIT FILE: the road's files with one edit; what the check and the API server make of them must agree.
with() {
    local road=$1 what=$2 edit=$3 file=$4 checked
    rm -rf conf && cp -r "$road/$road" conf
    sed -i "$edit" $file
    case $("$plimsoll" install -q --check conf >/dev/null 2>&1; echo $?) in 0) checked=starts ;; 1) checked=refused ;; *) checked=undecided ;; esac
    # shellcheck disable=SC2046
    is "$road: $what" "$checked" "$(starts $(flags))"
}
with image-policy "as written, $(rm -rf conf; cp -r image-policy/image-policy conf; flags | wc -w) flags" '' conf/flags.txt
with image-policy "the older shape" 's/admission.yaml/image-policy.yaml/' conf/flags.txt
with image-policy "a stray backtick" 's/client.key$/client.key`/' conf/kubeconfig.yaml
with image-policy "no contexts" '/^contexts/,$d' conf/kubeconfig.yaml
with image-policy "no current-context" '/^current-context/d' conf/kubeconfig.yaml
with image-policy "a context that is not there" 's/^current-context.*/current-context: other/' conf/kubeconfig.yaml
with image-policy "a file that is not there" 's#pki/client.crt#pki/other.crt#' conf/kubeconfig.yaml
with image-policy "an hour's TTL" 's/allowTTL: 50/allowTTL: 3600/' conf/admission.yaml
with image-policy "a TTL with a unit" 's/denyTTL: 10/denyTTL: 10s/' conf/admission.yaml
with image-policy "a path that is not whole" 's#kubeConfigFile: .*#kubeConfigFile: kubeconfig.yaml#' conf/admission.yaml
with image-policy "another version" 's#apiserver.config.k8s.io/v1#apiserver.k8s.io/v1#' conf/admission.yaml
with image-policy "--insecure-port" 's/^--admission/--insecure-port=0\n&/' conf/flags.txt
with image-policy "PodSecurityPolicy" 's/NodeRestriction/PodSecurityPolicy/' conf/flags.txt
with image-policy "no configuration" '/admission-control-config/d' 'conf/flags.txt conf/kube-apiserver.yaml'
with static "as written" '' conf/flags.txt
with static "a name without the reserved end" '0,/plimsoll.static.k8s.io/s//plimsoll/' conf/validating/plimsoll.yaml
with static "a path that is not whole" 's#kubeConfigFile: .*#kubeConfigFile: kubeconfig.yaml#' conf/admission.yaml
with static "the other kind in the folder" 's/kind: Validating/kind: Mutating/' conf/validating/plimsoll.yaml
exit $failed
