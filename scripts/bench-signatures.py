#!/usr/bin/env python3
"""Measures what signatures cost, and prints a Markdown table. Usage: scripts/bench-signatures.py PLIMSOLL WORLD WORK

PLIMSOLL and WORLD (the example `offline_world` of plimsoll-trust) are release builds; WORK is a folder that is emptied. Needs Debian's
docker-registry and openssl.

1. The cryptography of one verification, in this program's time on a processor: a bundle of each kind, read and verified 300 times.
2. An image that is signed by a key, in a registry on loopback: `plimsoll cosign verify` in each form, and `plimsoll image` under a policy
   that asks for the signature beside one that does not. Whole processes, in turns; the start of one is told, too.
3. What a cached verdict adds to admission: image reviews to two gates, one whose policy asks for the signature and one whose does
   not, one connection each, in turns.

Medians, and the middle half of each. BENCH_ROUNDS (60) processes and BENCH_REVIEWS (4000) reviews of each kind.
"""
import http.client
import json
import os
import shutil
import ssl
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from gate_peer import Gate, wait_until  # noqa: E402
from store_peer import Store, debian  # noqa: E402

ROUNDS, REVIEWS = (int(os.environ.get(name, default)) for name, default in (("BENCH_ROUNDS", 60), ("BENCH_REVIEWS", 4000)))

LOADLINE = """apiVersion: plimsoll.dev/v1alpha1
kind: LoadLine
metadata: {{name: {name}}}
data: {{baselineOnly: allow}}
keys:
  release: {{publicKey: cosign.pub}}
images:
  - name: all
    match: ["**"]
    {asks}
"""


class Bench:
    def __init__(self, plimsoll, world, work):
        self.plimsoll, self.world, self.work = plimsoll, world, work
        self.env = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")} | {
            "HOME": work, "COSIGN_PASSWORD": "x", "PLIMSOLL_CACHE_DIR": os.path.join(work, "cache"), "DOCKER_CONFIG": work}

    def run(self, *args):
        done = subprocess.run(args, cwd=self.work, env=self.env, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, f"{' '.join(args)}: {done.stdout}{done.stderr}"
        return done.stdout

    def cosign(self, *args):
        return self.run(self.plimsoll, "cosign", *args)

    def policy(self, name, asks):
        with open(os.path.join(self.work, f"{name}.yaml"), "w") as file:
            file.write(LOADLINE.format(name=name, asks=asks))

    def made(self, store):
        """Signed images, and the policies."""
        self.cosign("generate-key-pair")
        for form, new in (("classic", "false"), ("bundle", "true")):
            image = store.image(f"{form}/signed:1")
            self.cosign("sign", "--key=cosign.key", "--tlog-upload=false", "--use-signing-config=false", f"--new-bundle-format={new}",
                        "--allow-http-registry", "-y", image)
        self.policy("asks", "signatures: {all: [release]}")
        self.policy("plain", "tags: {forbid: [never]}")

    def processes(self, store):
        image = lambda form: f"{store.address}/{form}/signed:1"  # noqa: E731
        verify = lambda form: [self.plimsoll, "cosign", "verify", "--key=cosign.pub", "--insecure-ignore-tlog",  # noqa: E731
                               "--allow-http-registry", image(form)]
        judge = lambda policy: [self.plimsoll, "image", image("bundle"), f"--policy={policy}.yaml",  # noqa: E731
                                f"--plain-http={store.address}", "--quiet", "--format=json"]
        commands = {
            "start": [self.plimsoll, "--version"],
            "cosign verify, classic": verify("classic"),
            "cosign verify, bundle": verify("bundle"),
            "image, nothing asked": judge("plain"),
            "image, signature asked": judge("asks"),
        }
        times = {name: [] for name in commands}
        for number in range(ROUNDS + 3):
            for name, command in commands.items():
                before = time.perf_counter()
                self.run(*command)
                if number >= 3:
                    times[name].append((time.perf_counter() - before) * 1e3)
        return times

    def gates(self, store):
        """Microseconds of each review at a gate with a signature asked, and without."""
        self.run("openssl", "req", "-nodes", "-new", "-x509", "-days", "2", "-keyout", "gate-key.pem", "-out", "gate.pem", "-subj", "/CN=localhost")
        os.chmod(os.path.join(self.work, "gate-key.pem"), 0o600)
        name = f"{store.address}/bundle/signed:1"
        spec = {"containers": [{"image": name}], "namespace": "default"}
        body = json.dumps({"apiVersion": "imagepolicy.k8s.io/v1alpha1", "kind": "ImageReview", "spec": spec})
        args = lambda policy: ["--cert=gate.pem", "--key=gate-key.pem", f"--policy={policy}.yaml", "--tag-ttl=3600",  # noqa: E731
                               f"--plain-http={store.address}", "--log-level=warn"]
        with Gate(self.plimsoll, *args("asks"), cwd=self.work, env=self.env) as asks, \
                Gate(self.plimsoll, *args("plain"), cwd=self.work, env=self.env) as plain:
            for gate in (asks, plain):
                wait_until(lambda: gate.image_review(name)["allowed"], 30, "the image is not allowed")
            store.stop()  # what answers now is what was kept
            ways = {"nothing asked": connected(plain.port), "signature asked": connected(asks.port)}
            times = {way: [] for way in ways}
            for number in range(REVIEWS + 200):
                for way, connection in ways.items():
                    before = time.perf_counter()
                    connection.request("POST", "/image_policy", body)
                    answer = connection.getresponse().read()
                    took = (time.perf_counter() - before) * 1e6
                    assert json.loads(answer)["status"]["allowed"], answer
                    if number >= 200:
                        times[way].append(took)
        return times

    def all(self):
        print(self.run(self.world, "--time"))
        store = Store(self.work, "registry", debian)
        store.start()
        try:
            self.made(store)
            processes = self.processes(store)
            reviews = self.gates(store)
        finally:
            store.stop()
        print("| | median | middle half |\n|---|---:|---:|")
        for unit, times in (("ms", processes), ("µs", reviews)):
            for name, all_ in times.items():
                low, middle, high = statistics.quantiles(all_, n=4)
                print(f"| {'review, ' if unit == 'µs' else ''}{name} | {middle:.1f} {unit} | {low:.1f} to {high:.1f} |")
        image, review = (statistics.median(one) for one in (
            [a - b for a, b in zip(processes["image, signature asked"], processes["image, nothing asked"])],
            [a - b for a, b in zip(reviews["signature asked"], reviews["nothing asked"])]))
        print(f"| added to an image, of each round | {image:.1f} ms | |\n| added to a cached review, of each pair | {review:.1f} µs | |")


def connected(port):
    unchecked = ssl.create_default_context()
    unchecked.check_hostname, unchecked.verify_mode = False, ssl.CERT_NONE
    return http.client.HTTPSConnection("127.0.0.1", port, timeout=30, context=unchecked)


def main():
    plimsoll, world, work = (os.path.abspath(path) for path in sys.argv[1:4])
    shutil.rmtree(work, ignore_errors=True)
    os.makedirs(work)
    Bench(plimsoll, world, work).all()


if __name__ == "__main__":
    main()
