#!/usr/bin/env python3
"""Runs the floor and the gate that scripts/bench-gate.sh built, in alternating rounds, and prints a Markdown table.

Both servers stand all the time; only one is under load at once, so noise falls on both alike. Figures are medians of the
rounds. CPU time is user and system time of all the server's threads from /proc, divided by answers; memory is the
kernel's count of the server's pages. Every answer is checked: right uid, allowed.
"""
import argparse
import contextlib
import http.client
import json
import os
import platform
import shutil
import socket
import ssl
import statistics
import subprocess
import sys
import time
from pathlib import Path

from oci_layout import write_layout
from policy_set import CONSTRAINTS, TEMPLATES, documents
from registry_peer import Registry

options = argparse.ArgumentParser(description=__doc__)
options.add_argument("--bin", type=Path, required=True, help="folder of floor and load")
options.add_argument("--work", type=Path, required=True)
args = options.parse_args()


def setting(name, default):
    return int(os.environ.get(name, default))


ROUNDS = setting("BENCH_ROUNDS", 5)
SECONDS = setting("BENCH_SECONDS", 10)
REVIEWS = setting("BENCH_REVIEWS", 1_000_000)
CONNECTIONS = setting("BENCH_CONNECTIONS", 32)
RATE = setting("BENCH_RATE", 2000)
STARTS = setting("BENCH_STARTS", 10)
ALL_PARTS = ["cold", "pods", "images", "open", "policies", "memory", "ready"]
PARTS = os.environ.get("BENCH_PARTS", ",".join(ALL_PARTS)).split(",")
if unknown := set(PARTS) - set(ALL_PARTS):
    sys.exit(f"BENCH_PARTS: {', '.join(sorted(unknown))}: there are {', '.join(ALL_PARTS)}")
WARMUP = 2
GATE = os.environ.get("GATE", "plimsoll")
PLIMSOLL = os.environ.get("PLIMSOLL_BIN", "")
WORK = args.work
POD_BYTES = 4300  # an ordinary pod as the API server sends it, managed fields included
PATIENCE = 120  # seconds until a server is ready, or an image judged
# How many of the constraints are for pods; the others are for kinds that nobody sends.
ASKED = {"policies": CONSTRAINTS // 4, "policies-all": CONSTRAINTS}


# --- what is sent --------------------------------------------------------------------------------------------------
def certificates():
    def openssl(*words):
        done = subprocess.run(["openssl", *words], cwd=WORK, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"openssl {words[0]}: {done.stderr}")

    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    openssl("req", "-x509", *key, "-days", "7", "-subj", "/CN=bench authority", "-addext", "basicConstraints=critical,CA:TRUE",
            "-keyout", "ca.key", "-out", "ca.pem")
    openssl("req", *key, "-subj", "/CN=bench gate", "-keyout", "server.key", "-out", "server.csr")
    (WORK / "server.ext").write_text(
        "subjectAltName=IP:127.0.0.1,DNS:localhost\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "7",
            "-extfile", "server.ext", "-out", "server.pem")


def pod_review(web, agent):
    """A pod of three containers with two images between them, as a replica set's controller makes it."""
    mount = {"name": "kube-api-access-x2x7b", "readOnly": True, "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}
    restricted = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    probe = {"httpGet": {"path": "/healthz", "port": "http", "scheme": "HTTP"}, "timeoutSeconds": 1, "periodSeconds": 10}

    def container(name, image, **more):
        return {"name": name, "image": image, **more, "terminationMessagePath": "/dev/termination-log",
                "resources": {"limits": {"cpu": "500m", "memory": "256Mi"}, "requests": {"cpu": "100m", "memory": "64Mi"}},
                "volumeMounts": [mount], "terminationMessagePolicy": "File", "imagePullPolicy": "IfNotPresent",
                "securityContext": restricted}

    def managed(name):
        return {f'k:{{"name":"{name}"}}': {".": {}, "f:image": {}, "f:imagePullPolicy": {}, "f:name": {}, "f:resources": {}}}

    pod, pods = {"group": "", "version": "v1", "kind": "Pod"}, {"group": "", "version": "v1", "resource": "pods"}
    annotations = {"example.com/note": ""}
    review = {
        "kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1",
        "request": {
            "uid": "64ee7e32-3fed-4a18-b5c2-cda8ba8c8fe4", "kind": pod, "resource": pods, "requestKind": pod,
            "requestResource": pods, "name": "shop-web-7d9c6bb4f8-x2x7b", "namespace": "shop", "operation": "CREATE",
            "userInfo": {"username": "system:serviceaccount:kube-system:replicaset-controller",
                         "uid": "0c0b4b0e-5a0f-4c33-9f43-0f6d4f8a1b52",
                         "groups": ["system:serviceaccounts", "system:serviceaccounts:kube-system", "system:authenticated"]},
            "object": {
                "kind": "Pod", "apiVersion": "v1",
                "metadata": {
                    "name": "shop-web-7d9c6bb4f8-x2x7b", "generateName": "shop-web-7d9c6bb4f8-", "namespace": "shop",
                    "labels": {"app": "shop-web", "pod-template-hash": "7d9c6bb4f8", "team": "shop", "tier": "web"}, "annotations": annotations,
                    "managedFields": [{
                        "manager": "kube-controller-manager", "operation": "Update", "apiVersion": "v1",
                        "time": "2026-11-21T01:17:58Z", "fieldsType": "FieldsV1",
                        "fieldsV1": {"f:metadata": {"f:labels": {".": {}, "f:app": {}, "f:pod-template-hash": {}}},
                                     "f:spec": {"f:containers": {**managed("web"), **managed("agent")},
                                                "f:initContainers": managed("prepare"), "f:restartPolicy": {}}}}],
                },
                "spec": {
                    "volumes": [{"name": "kube-api-access-x2x7b", "projected": {"sources": [
                        {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}}]}}],
                    "initContainers": [container("prepare", web, command=["/bin/true"])],
                    "containers": [
                        container("web", web, ports=[{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
                                  env=[{"name": "LOG", "value": "info"}], livenessProbe=probe, readinessProbe=probe),
                        container("agent", agent)],
                    "restartPolicy": "Always", "dnsPolicy": "ClusterFirst", "serviceAccountName": "default",
                    "securityContext": {"runAsNonRoot": True}, "schedulerName": "default-scheduler", "priority": 0,
                },
                "status": {},
            },
            "oldObject": None, "dryRun": False, "options": {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1"},
        },
    }
    annotations["example.com/note"] = "-" * max(0, POD_BYTES - len(compact(review)))
    return review


def image_review(web, agent):
    return {"kind": "ImageReview", "apiVersion": "imagepolicy.k8s.io/v1alpha1", "metadata": {},
            "spec": {"containers": [{"image": web}, {"image": agent}, {"image": web}], "namespace": "shop",
                     "annotations": {"bench.image-policy.k8s.io/ticket": "42"}},
            "status": {"allowed": False}}


def compact(value):
    return json.dumps(value, separators=(",", ":")).encode()


def load_line(registry):
    """Clauses that look at every vulnerability and the image itself; with the baseline alone the images are allowed."""
    return f"""apiVersion: plimsoll.dev/v1alpha1
kind: LoadLine
metadata: {{name: bench}}
mode: enforce
undecided: deny
data: {{baselineOnly: allow}}
images:
  - name: loopback
    match: ["{registry}/**"]
    tags: {{require: any}}
    vulnerabilities:
      deny: [{{severity: critical, knownExploited: true, fix: available}}]
      warn: [{{severity: critical, fix: available}}]
    footprint: {{secret-in-image: warn, image-too-large: {{deny: 5GB}}}}
  - name: everything-else
    match: ["**"]
    refuse: not from the bench's registry
"""


# --- servers -------------------------------------------------------------------------------------------------------
TLS = None  # made once there is an authority


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A server from start to ready; `ready_in` is the time between, polling and a handshake of this script's included."""

    def __init__(self, kind, log, environment=None, cache=None):
        self.port = free_port()
        common = ["--cert", WORK / "server.pem", "--key", WORK / "server.key", "--port", str(self.port)]
        if kind == "floor":
            command = [args.bin / "floor", *common]
        else:
            policy = WORK / ("policy.yaml" if kind == "plimsoll" else f"{kind}.yaml")
            command = [PLIMSOLL, "serve", *common, "--address", "127.0.0.1", "--policy", policy, "--cache-dir", cache]
        with open(WORK / log, "ab") as output:
            begin = time.perf_counter()
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                            env={**os.environ, **(environment or {})})
        while not self.ready():
            if self.process.poll() is not None or time.perf_counter() - begin > PATIENCE:
                self.stop()
                raise SystemExit(f"{kind} does not get ready; see {WORK / log}")
            time.sleep(0.001)
        self.ready_in = time.perf_counter() - begin

    def ready(self):
        connection = self.connection(5)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def connection(self, timeout):
        return http.client.HTTPSConnection("127.0.0.1", self.port, context=TLS, timeout=timeout)

    def url(self, path):
        return f"https://127.0.0.1:{self.port}{path}"

    def first_verdict(self, path, review):
        """(seconds, requests) until a review is allowed, over a connection that stands already."""
        connection = self.connection(PATIENCE)
        connection.request("GET", "/readyz")
        connection.getresponse().read()
        body, tries, begin = compact(review), 0, time.perf_counter()
        while True:
            tries += 1
            connection.request("POST", path + "?timeout=30s", body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            answer = response.read()
            took = time.perf_counter() - begin
            if response.status == 200:
                value = json.loads(answer)
                if (value.get("response") or value.get("status") or {}).get("allowed"):
                    connection.close()
                    return took, tries
            if took > PATIENCE:
                raise SystemExit(f"{path} still answers {response.status} {answer[:600]} after {tries} requests")
            time.sleep(0.02)

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


failures = []


def load(server, path, bodies, *length, rate=None):
    command = [args.bin / "load", "--json", "--url", server.url(path), "--ca", WORK / "ca.pem", "--expect", "allowed",
               "--connections", str(CONNECTIONS), "--server-pid", str(server.process.pid), *length,
               *(["--rate", str(rate)] if rate else []), "--body", *(WORK / body for body in bodies)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode not in (0, 1):
        raise SystemExit(f"load: {done.stderr}")
    outcome = json.loads(done.stdout)
    counts = {what: outcome[what] for what in ("errors", "not_200", "wrong", "unanswered") if outcome[what]}
    if counts:
        failures.append(f"{path} {counts}: {outcome['first_failure']}")
    return outcome


# --- the run -------------------------------------------------------------------------------------------------------
def main():
    global TLS
    if GATE not in ("plimsoll", "floor"):
        raise SystemExit("GATE is plimsoll or floor")
    certificates()
    TLS = ssl.create_default_context(cafile=WORK / "ca.pem")
    with contextlib.ExitStack() as stack:
        if GATE == "floor":
            registry, environment, agent = "127.0.0.1:5000", {}, "127.0.0.1:5000/shop/agent:1"
        else:
            layout, tag = os.environ["BENCH_IMAGE"].rsplit(":", 1)
            peer = stack.enter_context(Registry(str(WORK / "registry"), layout, tag, "shop/web:1.21"))
            registry, environment = peer.address, {"DOCKER_CONFIG": str(WORK / "registry")}
            agent = small_image(peer)
        web = f"{registry}/shop/web:1.21"
        pod, images = pod_review(web, agent), image_review(web, agent)
        (WORK / "pod.json").write_bytes(compact(pod))
        (WORK / "images.json").write_bytes(compact(images))
        (WORK / "policy.yaml").write_text(load_line(registry))
        for name, asked in ASKED.items():
            (WORK / name).mkdir(exist_ok=True)
            (WORK / name / "set.yaml").write_text("---\n".join(documents(registry + "/", asked)))
            (WORK / f"{name}.yaml").write_text(load_line(registry) + f"policies: [{{gatekeeper: {name}/}}]\n")
        result = {
            "machine": machine(), "gate": GATE, "rounds": ROUNDS, "seconds": SECONDS, "connections": CONNECTIONS,
            "rate": RATE, "pod_bytes": len(compact(pod)), "images_bytes": len(compact(images)),
            "load_average_before": os.getloadavg()[0],
        }
        cache = WORK / "cache"
        shutil.rmtree(cache, ignore_errors=True)

        # Cold before all else: later runs would only make the kernel's caches warmer.
        if GATE == "plimsoll" and "cold" in PARTS:
            result["cold"] = cold_image(web, environment)
        servers = {}
        sets = list(ASKED) if GATE == "plimsoll" and "policies" in PARTS else []
        for name, kind in (("floor", "floor"), ("gate", GATE), *((name, name) for name in sets)):
            servers[name] = Server(kind, f"{name}.log", environment, cache)
            stack.callback(servers[name].stop)
        for path, review in (("/validate", pod), ("/image_policy", images)):
            servers["gate"].first_verdict(path, review)
        for name in sets:
            servers[name].first_verdict("/validate", pod)
            refused(servers[name], pod)

        both, every = ("floor", "gate"), ("floor", "gate", *sets)
        result["runs"] = {what: {name: [] for name in every} for what in ("pods", "images", "open")}
        length = ["--warmup", str(WARMUP), "--seconds", str(SECONDS)]
        for turn in range(ROUNDS):
            for what, path, body, rate, who in (("pods", "/validate", "pod.json", None, every),
                                                ("images", "/image_policy", "images.json", None, both),
                                                ("open", "/validate", "pod.json", RATE, every)):
                if what not in PARTS:
                    continue
                for name in who:
                    print(f"round {turn + 1} of {ROUNDS}: {what}, {name}", file=sys.stderr)
                    result["runs"][what][name].append(load(servers[name], path, [body], *length, rate=rate))
        result["memory"] = {}
        for name in both if "memory" in PARTS else ():
            print(f"{REVIEWS} reviews, {name}", file=sys.stderr)
            result["memory"][name] = load(servers[name], "/", ["pod.json", "images.json"], "--requests", str(REVIEWS))
        result["ready"] = {"floor": [], "gate": []}
        for _ in range(STARTS if "ready" in PARTS else 0):
            for name, kind in (("floor", "floor"), ("gate", GATE)):
                started = Server(kind, f"{name}.log", environment, cache)
                result["ready"][name].append(started.ready_in)
                started.stop()
    result["load_average_after"] = os.getloadavg()[0]
    result["failures"] = failures
    (WORK / "bench-gate.json").write_text(json.dumps(result, indent=1))
    table(result)


def refused(server, pod):
    """Fails where the set does not ask what it is there to ask: a pod without a label has to be refused."""
    bad = json.loads(json.dumps(pod))
    del bad["request"]["object"]["metadata"]["labels"]["app"]
    connection = server.connection(PATIENCE)
    connection.request("POST", "/validate?timeout=30s", compact(bad), {"Content-Type": "application/json"})
    answer = json.loads(connection.getresponse().read())
    connection.close()
    if answer["response"]["allowed"] or "broken: app" not in answer["response"]["status"]["message"]:
        raise SystemExit(f"the policies let a pod run that they are to refuse: {str(answer)[:600]}")


def small_image(peer):
    """A second image with one package, pushed and then named by tag and digest."""
    layout = WORK / "agent"
    status = "Package: base-files\nStatus: install ok installed\nArchitecture: amd64\nVersion: 12.4+deb12u12\n\n"
    release = 'ID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n'
    write_layout(str(layout), "1", [{"etc/os-release": release, "var/lib/dpkg/status": status}],
                 {"User": "1000", "Entrypoint": ["/agent"]})
    peer.push(str(layout), "1", "shop/agent:1")
    digest = json.loads((layout / "index.json").read_text())["manifests"][0]["digest"]
    return f"{peer.address}/shop/agent:1@{digest}"


def cold_image(web, environment):
    """The same image from the same registry, each time with an empty cache: by the command line, then by the gate."""
    runs = {"scan": [], "gate": [], "gate_requests": []}
    review = image_review(web, web)
    for turn in range(ROUNDS + 1):
        folder = WORK / "cold"
        shutil.rmtree(folder, ignore_errors=True)
        command = [PLIMSOLL, "image", web, "--policy", WORK / "policy.yaml", "--cache-dir", folder / "scan", "--quiet",
                   "--namespace", "shop", "-f", "json", "-o", WORK / "scan.json"]
        begin = time.perf_counter()
        done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True)
        scan = time.perf_counter() - begin
        if done.returncode:
            raise SystemExit(f"{web} is not allowed, status {done.returncode}: {done.stderr[:600]}; see {WORK / 'scan.json'}")
        server = Server("plimsoll", "gate.log", environment, folder / "gate")
        try:
            gate, requests = server.first_verdict("/image_policy", review)
        finally:
            server.stop()
        if turn == 0:
            continue  # the registry's files were not in memory yet
        runs["scan"].append(scan)
        runs["gate"].append(gate)
        runs["gate_requests"].append(requests)
    shutil.rmtree(WORK / "cold", ignore_errors=True)
    return runs


def machine():
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    return f"{os.cpu_count()} cores of {cpu}, {platform.system()} {platform.release()}"


def table(result):
    middle = statistics.median

    def of(what, name, *keys):
        def pick(outcome):
            for key in keys:
                outcome = outcome[key]
            return outcome
        return middle(pick(outcome) for outcome in result["runs"][what][name])

    print(f"{result['machine']}, load average {result['load_average_before']:.1f} at the start and "
          f"{result['load_average_after']:.1f} at the end; {time.strftime('%Y-%m-%d %H:%M', time.gmtime())} UTC.")
    print(f"{CONNECTIONS} connections, medians of {ROUNDS} alternating rounds of {SECONDS} s; pods of {result['pod_bytes']} bytes, "
          f"image reviews of {result['images_bytes']}.\n")
    print("| what | floor | gate | gate to floor | aim |\n|---|---:|---:|---:|---|")

    def row(what, floor, gate, form, ratio, aim):
        against = f"{ratio:.0%}" if ratio is not None else ""
        print(f"| {what} | {form(floor) if floor is not None else ''} | {form(gate) if gate is not None else ''} | {against} | {aim} |")

    kinds = [("pods", "gate", "pod reviews a second", "at least 70 %"), ("images", "gate", "image reviews a second", "at least 70 %")]
    for name, asked in ASKED.items():
        aim = "at least 50 %" if name == "policies" else ""
        kinds.append(("pods", name, f"pod reviews a second, {TEMPLATES} templates, {asked} of {CONSTRAINTS} constraints asked", aim))
    for what, name, words, aim in kinds:
        if not result["runs"][what].get(name):
            continue
        floor, gate = (of(what, who, "per_second") for who in ("floor", name))
        row(words, floor, gate, lambda v: f"{v:,.0f}", gate / floor, aim)
        floor, gate = (of(what, who, "server_cpu_us_per_answer") for who in ("floor", name))
        row("server's CPU for one", floor, gate, lambda v: f"{v:.1f} µs", gate / floor, "")
        floor, gate = (of(what, who, "client_cpu_us_per_answer") for who in ("floor", name))
        row("client's CPU for one", floor, gate, lambda v: f"{v:.1f} µs", None, "")
    for name in ("gate", *ASKED):
        with_policies = f", {ASKED[name]} constraints asked" if name in ASKED else ""
        for key, words, aim in (("p50", "p50", ""), ("p99", "p99", "under 5 ms"), ("p99_9", "p99.9", ""), ("max", "longest", "")):
            if result["runs"]["open"].get(name):
                row(f"{RATE:,} pod reviews a second{with_policies}, {words}", of("open", "floor", "latency", key),
                    of("open", name, "latency", key), lambda v: f"{v:.2f} ms", None, aim)
    memory = result["memory"]
    for key, words in (("server_rss_kib", "memory"), ("server_peak_rss_kib", "peak memory")):
        if memory:
            row(f"{words} after {REVIEWS:,} reviews", *(memory[name][key] for name in ("floor", "gate")),
                lambda v: f"{v * 1024 / 1e6:.1f} MB", None, "under 150 MB")
    if result["ready"]["gate"]:
        row("start to ready", *(middle(result["ready"][name]) for name in ("floor", "gate")), lambda v: f"{v * 1000:.0f} ms", None,
            "under 300 ms")
    if "cold" in result:
        scan, gate = middle(result["cold"]["scan"]), middle(result["cold"]["gate"])
        row("cold image: `plimsoll image`", None, scan, lambda v: f"{v * 1000:.0f} ms", None, "")
        row("cold image: first review to verdict", None, gate, lambda v: f"{v * 1000:.0f} ms", None,
            f"scan + 20 ms; here {(gate - scan) * 1000:+.0f} ms")
    print(f"\nevery run is in {WORK / 'bench-gate.json'}")
    for failure in failures:
        print(f"failed: {failure}")
    if failures:
        raise SystemExit(1)


main()
