#!/usr/bin/env python3
"""Measures `plimsoll policy replay` over reviews that a gate recorded, and prints the table of docs/performance.md.

    scripts/bench-replay.py PLIMSOLL WORK [REVIEWS] [ROUNDS]        (needs openssl)

A gate is started with `--record` and an empty record, 40 images of 400 packages each come from a registry on loopback, and
REVIEWS pods (10,000) of 200 workloads are sent to it, made from a fixed seed. Then each replay runs in ROUNDS rounds (5), all of
a round one after another, and the median of each counts. CPU time is user and system time of the process. A record that is in
WORK already is used again when a run with as many reviews wrote it to its end, and is a fault else.
"""
import hashlib
import http.client
import http.server
import json
import os
import random
import resource
import ssl
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

from oci_layout import write_layout

IMAGES, PACKAGES, WORKLOADS, NAMESPACES = 40, 400, 200, 20

HEAD = "apiVersion: plimsoll.dev/v1alpha1\nkind: LoadLine\nmetadata: {{name: {name}}}\ndata: {{baselineOnly: allow}}\nimages:\n"
SHOP = "  - {{name: shop, match: ['127.0.0.1:*/**'], footprint: {{runs-as-root: {action}}}}}\n  - {{name: rest, match: ['**'], refuse: not from here}}\n"
POLICIES = {
    "record": SHOP.format(action="warn") + "workloads: {podSecurity: {level: baseline}}\n",
    "stricter": SHOP.format(action="deny") + "workloads:\n  podSecurity: {level: restricted}\n  rules:\n"
    "    memory-limit-missing: deny\n    literal-secret-in-env: deny\n    secret-in-command: deny\n    cpu-request-missing: warn\n"
    "    liveness-probe-missing: warn\n    default-service-account: warn\n",
    "images": SHOP.format(action="deny"),
    "rego": SHOP.format(action="warn") + "policies: [{rego: policies/}]\n",
}
REGO = """package shop

deny contains sprintf("%v runs as root", [c.name]) if {
	some c in input.request.object.spec.containers
	not c.securityContext.runAsNonRoot
}

warn contains sprintf("%v has no owner", [input.request.name]) if not input.request.object.metadata.labels.owner
"""


def openssl(work, *words):
    subprocess.run(["openssl", *words], cwd=work, check=True, capture_output=True, timeout=60)


def certificates(work):
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    openssl(work, "req", "-x509", *key, "-days", "7", "-subj", "/CN=bench", "-addext", "subjectAltName=IP:127.0.0.1",
            "-keyout", "server.key", "-out", "server.pem")


def registry(folder):
    """Serves one repository an image from OCI layouts, without credentials; gives its address."""
    def image(number):
        status = "".join(
            f"Package: package-{number}-{at}\nStatus: install ok installed\nArchitecture: amd64\nVersion: {at}.{number}-1\n\n"
            for at in range(PACKAGES))
        release = 'ID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n'
        layers = [{"etc/os-release": release, "var/lib/dpkg/status": status}]
        write_layout(str(folder / str(number)), "1", layers, {"User": "1000" if number % 4 else ""})
        return json.loads((folder / str(number) / "index.json").read_text())["manifests"][0]

    manifests = {f"shop/app-{number}": image(number) for number in range(IMAGES)}

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            parts = self.path.removeprefix("/v2/").rsplit("/", 2)
            if len(parts) != 3:
                return self.say(b"{}", "application/json")
            name, kind, what = parts
            manifest = manifests[name]
            digest = what if what.startswith("sha256:") else manifest["digest"]
            blob = folder / name.rsplit("-", 1)[1] / "blobs/sha256" / digest.split(":")[1]
            form = manifest["mediaType"] if kind == "manifests" else "application/octet-stream"
            self.say(blob.read_bytes(), form, digest)

        do_HEAD = do_GET

        def say(self, body, form, digest=None):
            self.send_response(200)
            self.send_header("Content-Type", form)
            self.send_header("Content-Length", str(len(body)))
            if digest:
                self.send_header("Docker-Content-Digest", digest)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"127.0.0.1:{server.server_port}"


def review(number, registry, random):
    """A pod as a replica set's controller makes it; one in twenty of each kind that policies refuse."""
    workload = random.randrange(WORKLOADS)
    namespace, app, pod_hash = f"shop-{workload % NAMESPACES}", f"app-{workload}", f"{workload:08x}"
    name = f"{app}-{pod_hash}-{number:05d}"
    mount = {"name": "kube-api-access", "readOnly": True, "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}
    probe = {"httpGet": {"path": "/healthz", "port": "http", "scheme": "HTTP"}, "timeoutSeconds": 1, "periodSeconds": 10}
    rare = lambda: random.randrange(20) == 0  # noqa: E731

    def container(name, image):
        context = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "runAsNonRoot": True,
                   "capabilities": {"drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"}}
        if rare():
            context = {"privileged": True}
        env = [{"name": "LOG", "value": "info"}, {"name": "REGION", "value": "eu-1"}]
        if rare():
            env.append({"name": "DB_PASSWORD", "value": hashlib.sha256(str(workload).encode()).hexdigest()[:20]})
        return {"name": name, "image": image, "env": env, "securityContext": context, "livenessProbe": probe,
                "readinessProbe": probe, "volumeMounts": [mount], "imagePullPolicy": "IfNotPresent",
                "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
                "resources": {} if rare() else {"limits": {"memory": "256Mi"}, "requests": {"cpu": "100m", "memory": "64Mi"}},
                "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File"}

    image = "evil.example.com/app:1" if rare() else f"{registry}/shop/app-{workload % IMAGES}:1"
    containers = [container("app", image), container("agent", f"{registry}/shop/app-1:1")]
    metadata = {
        "name": name, "generateName": f"{app}-{pod_hash}-", "namespace": namespace,
        "labels": {"app": app, "pod-template-hash": pod_hash},
        "annotations": {"example.com/note": "-" * 300},
        "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": f"{app}-{pod_hash}", "controller": True,
                             "uid": "0c0b4b0e-5a0f-4c33-9f43-0f6d4f8a1b52", "blockOwnerDeletion": True}]}
    spec = {"containers": containers, "restartPolicy": "Always", "dnsPolicy": "ClusterFirst", "serviceAccountName": app,
            "securityContext": {"runAsNonRoot": True}, "schedulerName": "default-scheduler", "priority": 0,
            "volumes": [{"name": "kube-api-access", "projected": {"sources": [
                {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}}]}}]}
    pod, pods = {"group": "", "version": "v1", "kind": "Pod"}, {"group": "", "version": "v1", "resource": "pods"}
    request = {
        "uid": f"64ee7e32-3fed-4a18-b5c2-{number:012d}", "kind": pod, "resource": pods, "requestKind": pod,
        "requestResource": pods, "name": name, "namespace": namespace, "operation": "CREATE",
        "userInfo": {"username": "system:serviceaccount:kube-system:replicaset-controller",
                     "groups": ["system:serviceaccounts", "system:serviceaccounts:kube-system", "system:authenticated"]},
        "object": {"kind": "Pod", "apiVersion": "v1", "metadata": metadata, "spec": spec, "status": {}},
        "oldObject": None, "dryRun": False, "options": {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1"}}
    return {"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": request}


def record(program, work, reviews):
    certificates(work)
    address = registry(work / "images")
    command = [program, "--cache-dir", work / "cache", "serve", "--cert", work / "server.pem", "--key", work / "server.key",
               "--policy", work / "record.yaml", "--address", "127.0.0.1", "--port", "0", "--shutdown-delay", "0",
               "--record", work / "record", "--log-level", "info"]
    gate = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        port = next(json.loads(line)["address"] for line in gate.stderr if '"serving"' in line).rsplit(":", 1)[1]
        threading.Thread(target=lambda: [None for _ in gate.stderr], daemon=True).start()
        tls = ssl.create_default_context(cafile=work / "server.pem")
        connection = http.client.HTTPSConnection("127.0.0.1", int(port), context=tls, timeout=60)
        seeded = random.Random(7)
        for number in range(reviews):
            body = json.dumps(review(number, address, seeded), separators=(",", ":"))
            connection.request("POST", "/validate?timeout=30s", body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read()
            if answer.status != 200:
                raise SystemExit(f"the gate answered {answer.status} {text[:400]}")
            # A record never delays an answer: whoever sends faster than it is written leaves gaps in it.
            if number % 500 == 499 or number == reviews - 1:
                await_written(connection, number + 1)
    finally:
        gate.terminate()
        gate.wait(30)


def await_written(connection, count):
    for _ in range(1200):
        connection.request("GET", "/metrics")
        if f"plimsoll_recorded_total {count}\n" in connection.getresponse().read().decode():
            return
        time.sleep(0.05)
    raise SystemExit(f"{count} reviews were sent, and not all were recorded")


def run(command):
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, capture_output=True)
    wall, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    told = json.loads(done.stdout) if done.stdout else {}
    if done.returncode not in (0, 1, 2) or not told:
        raise SystemExit(f"{command}: {done.stderr.decode()[:600]}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, cpu, told


def main():
    program, work = os.path.abspath(sys.argv[1]), Path(sys.argv[2]).absolute()
    reviews, rounds = [int(word) for word in sys.argv[3:5]] + [10_000, 5][len(sys.argv[3:5]):]
    (work / "policies").mkdir(parents=True, exist_ok=True)
    (work / "policies/p.rego").write_text(REGO)
    for name, text in POLICIES.items():
        (work / f"{name}.yaml").write_text(HEAD.format(name=name) + text)
    # Says of how many reviews the record is, once it has them all.
    whole = work / "record.whole"
    if not (work / "record").exists():
        whole.unlink(missing_ok=True)
        record(program, work, reviews)
        whole.write_text(f"{reviews}\n")
    elif not whole.is_file() or whole.read_text() != f"{reviews}\n":
        raise SystemExit(f"{work / 'record'} is no whole record of {reviews} reviews: remove it, or name another folder")
    size = sum(file.stat().st_size for file in (work / "record").iterdir())
    command = [program, "policy", "replay", work / "record", "--format", "json", "--against"]
    replays = {
        "images alone": [*command, work / "images.yaml"],
        "`restricted` and six rules": [*command, work / "stricter.yaml"],
        "the same, compared with the policy in force": [*command, work / "stricter.yaml", "--in-force", work / "record.yaml"],
        "a set in Rego": [*command, work / "rego.yaml"],
    }
    runs = {name: [] for name in replays}
    for _ in range(rounds):
        for name, replay in replays.items():
            runs[name].append(run(replay))
    load = os.getloadavg()[0]
    print(f"{os.cpu_count()} cores, load average {load:.1f} at the end; {size / 1e6:.1f} MB of record, medians of {rounds} rounds.\n")
    print("| against | reviews | wall, s | CPU, s | newly denied |\n|---|---:|---:|---:|---:|")
    for name, found in runs.items():
        wall, cpu = (statistics.median(one[at] for one in found) for at in (0, 1))
        told = found[0][2]
        print(f"| {name} | {told['reviews']:,} | {wall:.2f} | {cpu:.2f} | {told['changes']['newly-denied']:,} |")


if __name__ == "__main__":
    main()
