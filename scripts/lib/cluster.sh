# A real API server on loopback, for bash scripts to source: etcd, kube-apiserver with RBAC, users by client certificate.
# No scheduler, no kubelet, no controllers: pods are admitted and stay pending, Deployments never make pods, nobody creates
# service accounts. Pods say `automountServiceAccountToken: false`.
#
#   cluster_open FOLDER BINARIES       a fresh FOLDER for keys, logs and data; BINARIES is what build-apiserver.sh filled
#   cluster_start_etcd
#   cluster_start_apiserver [FLAG…]    with more flags of kube-apiserver's; returns when it is ready
#   cluster_stop_apiserver             what it stored stays in etcd: start it again, with other flags
#   cluster_namespace NAME             a namespace and its service account `default`
#   cluster_user NAME [GROUP…]         prints the path of a kubeconfig; RBAC gives the user nothing yet
#   cluster_grant NAME NAMESPACE       lets that user work there, as the role `edit` does elsewhere
#   cluster_certificate NAME SUBJECT EXTENSION…   pki/NAME.{crt,key} by the cluster's authority, for webhooks too
#   kube ARGUMENT…                     kubectl as an administrator
#   kube_as NAME ARGUMENT…             kubectl as a user that cluster_user made
#   cluster_stop                       stops both; cluster_open sets it as the EXIT trap, a caller with its own trap calls it
#
# Set for the caller: CLUSTER (the folder), CLUSTER_SERVER (the URL), CLUSTER_CA (file), CLUSTER_ADMIN (kubeconfig).
# Logs: etcd.log and apiserver.log in FOLDER. Needs Debian's etcd-server, openssl and curl.

cluster_fail() { echo "cluster: $*" >&2; return 1; }

# A port that nobody listens on, below those that the kernel hands out for outgoing connections.
cluster_port() {
    local port
    while port=$((20000 + $(od -An -N2 -tu2 /dev/urandom) % 12000)); (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do :; done
    echo "$port"
}

cluster_open() {
    local folder=$1 tool
    CLUSTER_BINARIES=$(cd "$2" && pwd) || return
    [ -x "$CLUSTER_BINARIES/kube-apiserver" ] || cluster_fail "no kube-apiserver in $2: scripts/peers/build-apiserver.sh $2" || return
    for tool in etcd openssl curl; do
        command -v "$tool" >/dev/null || cluster_fail "$tool is missing: apt-get install etcd-server openssl curl" || return
    done
    CLUSTER_KUBECTL=$(command -v kubectl || echo "$CLUSTER_BINARIES/kubectl")
    rm -rf "$folder"
    mkdir -p "$folder/pki" "$folder/users"
    CLUSTER=$(cd "$folder" && pwd)
    CLUSTER_CA=$CLUSTER/pki/ca.crt
    CLUSTER_SERVER=https://127.0.0.1:$(cluster_port)
    CLUSTER_ETCD=http://127.0.0.1:$(cluster_port)
    trap cluster_stop EXIT
    {
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=plimsoll test cluster" \
            -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign \
            -keyout "$CLUSTER/pki/ca.key" -out "$CLUSTER_CA" &&
            openssl ecparam -name prime256v1 -genkey -noout -out "$CLUSTER/pki/service-accounts.key"
    } 2>"$CLUSTER/pki/openssl.log" || cluster_fail "no authority: $(tail -3 "$CLUSTER/pki/openssl.log")" || return
    cluster_certificate apiserver "/CN=kube-apiserver" \
        subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:kubernetes.default.svc extendedKeyUsage=serverAuth || return
    CLUSTER_ADMIN=$(cluster_user admin system:masters)
}

cluster_certificate() {
    local name=$1 subject=$2
    shift 2
    {
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "$subject" \
            -keyout "$CLUSTER/pki/$name.key" -out "$CLUSTER/pki/$name.csr" &&
            openssl x509 -req -in "$CLUSTER/pki/$name.csr" -CA "$CLUSTER_CA" -CAkey "$CLUSTER/pki/ca.key" -CAcreateserial \
                -days 2 -extfile <(printf '%s\n' basicConstraints=CA:FALSE "$@") -out "$CLUSTER/pki/$name.crt"
    } 2>"$CLUSTER/pki/openssl.log" || cluster_fail "no certificate $name: $(tail -3 "$CLUSTER/pki/openssl.log")"
}

# The API server takes the user's name from CN and the groups from O.
cluster_user() {
    local name=$1 pki=$CLUSTER/pki file=$CLUSTER/users/$1.kubeconfig
    shift
    cluster_certificate "user-$name" "$(printf '/O=%s' "$@" | sed 's,^/O=$,,')/CN=$name" extendedKeyUsage=clientAuth || return
    cat >"$file" <<YAML
apiVersion: v1
kind: Config
clusters:
  - {name: test, cluster: {server: "$CLUSTER_SERVER", certificate-authority-data: "$(base64 -w0 "$CLUSTER_CA")"}}
users:
  - {name: "$name", user: {client-certificate-data: "$(base64 -w0 "$pki/user-$name.crt")", client-key-data: "$(base64 -w0 "$pki/user-$name.key")"}}
contexts:
  - {name: test, context: {cluster: test, user: "$name"}}
current-context: test
YAML
    echo "$file"
}

# kubectl's caches are kept by host and port: another run's would tell of another cluster.
kube_as() {
    local name=$1
    shift
    KUBERC=off "$CLUSTER_KUBECTL" --kubeconfig "$CLUSTER/users/$name.kubeconfig" --cache-dir "$CLUSTER/cache" "$@"
}
kube() { kube_as admin "$@"; }

# cluster_wait NAME SECONDS COMMAND…: until COMMAND succeeds; fails when the process ends or the time is up, and ends it.
cluster_wait() {
    local name=$1 until=$((SECONDS + $2))
    shift 2
    until "$@" >/dev/null 2>&1; do
        if [ "$SECONDS" -ge "$until" ] || ! kill -0 "$(cat "$CLUSTER/$name.pid")" 2>/dev/null; then
            cluster_end "$name"
            cluster_fail "$name did not become ready: $(tail -5 "$CLUSTER/$name.log")" || return
        fi
        sleep 0.2
    done
}

cluster_start_etcd() {
    local peer
    peer=http://127.0.0.1:$(cluster_port)
    etcd --name test --data-dir "$CLUSTER/etcd" --listen-client-urls "$CLUSTER_ETCD" --advertise-client-urls "$CLUSTER_ETCD" \
        --listen-peer-urls "$peer" --initial-advertise-peer-urls "$peer" --initial-cluster "test=$peer" \
        >"$CLUSTER/etcd.log" 2>&1 &
    echo $! >"$CLUSTER/etcd.pid"
    cluster_wait etcd 30 curl -fsS "$CLUSTER_ETCD/health"
}

cluster_ready() {
    curl -fsS --max-time 5 --cacert "$CLUSTER_CA" --cert "$CLUSTER/pki/user-admin.crt" --key "$CLUSTER/pki/user-admin.key" \
        "$CLUSTER_SERVER/readyz"
}

cluster_start_apiserver() {
    local pki=$CLUSTER/pki
    # ServiceAccount and TaintNodesByCondition wait for controllers that nobody runs. Appended, so that the log tells of
    # every start.
    "$CLUSTER_BINARIES/kube-apiserver" --etcd-servers="$CLUSTER_ETCD" --allow-privileged \
        --bind-address=127.0.0.1 --advertise-address=127.0.0.1 --secure-port="${CLUSTER_SERVER##*:}" --endpoint-reconciler-type=none \
        --tls-cert-file="$pki/apiserver.crt" --tls-private-key-file="$pki/apiserver.key" --client-ca-file="$CLUSTER_CA" \
        --service-account-issuer="$CLUSTER_SERVER" --service-account-key-file="$pki/service-accounts.key" \
        --service-account-signing-key-file="$pki/service-accounts.key" --service-cluster-ip-range=10.0.0.0/24 \
        --authorization-mode=RBAC --disable-admission-plugins=ServiceAccount,TaintNodesByCondition "$@" \
        >>"$CLUSTER/apiserver.log" 2>&1 &
    echo $! >"$CLUSTER/apiserver.pid"
    cluster_wait apiserver 120 cluster_ready && cluster_namespace default
}

cluster_namespace() {
    kube get namespace "$1" >/dev/null 2>&1 || kube create namespace "$1" >/dev/null || return
    kube -n "$1" get serviceaccount default >/dev/null 2>&1 || kube -n "$1" create serviceaccount default >/dev/null
}

# The roles `edit` and `view` themselves stay empty: a controller would fill them from these. RBAC follows after a moment.
cluster_grant() {
    local name=$1 namespace=$2 role try
    for role in view edit; do
        kube -n "$namespace" create rolebinding "$name-$role" --clusterrole="system:aggregate-to-$role" --user="$name" >/dev/null || return
    done
    for try in $(seq 50); do
        kube_as "$name" -n "$namespace" auth can-i create pods >/dev/null 2>&1 && return
        sleep 0.1
    done
    cluster_fail "$name may still not create pods in $namespace"
}

# cluster_end NAME: asks the process to stop, and ends it after ten seconds; etcd has everything by then.
cluster_end() {
    local pid try
    pid=$(cat "$CLUSTER/$1.pid" 2>/dev/null) || return 0
    kill "$pid" 2>/dev/null || true
    for try in $(seq 50); do
        kill -0 "$pid" 2>/dev/null || break
        [ "$try" -lt 50 ] || kill -9 "$pid" 2>/dev/null || true
        sleep 0.2
    done
    wait "$pid" 2>/dev/null || true
    rm -f "$CLUSTER/$1.pid"
}
cluster_stop_apiserver() { cluster_end apiserver; }
cluster_stop() { cluster_end apiserver; cluster_end etcd; }
