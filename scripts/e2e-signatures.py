#!/usr/bin/env python3
"""Signatures and attestations at a real API server: what the gate lets run of what the real cosign signed.

Usage: scripts/e2e-signatures.py PLIMSOLL WORK APISERVER COSIGN     (needs etcd-server, openssl, docker-registry; APISERVER is what
       scripts/peers/build-apiserver.sh filled, COSIGN what build-cosign.sh did)

Two registries on loopback: Debian's, which keeps no list of referrers, and go-containerregistry's, which does. On both, signed by
cosign in its classic form and as a bundle:
1. `plimsoll image` allows what is signed and denies what is not, is signed by another key, or is attested to and not signed.
2. Pods say the same at the API server, pinned to the digest that was verified, wherever an image stands in them: containers,
   initContainers, ephemeralContainers (a subresource), an update, a CronJob's template, tag@digest with a tag that leads elsewhere.
3. An index that is signed and its manifest that is not, and the reverse.
4. An attestation that is demanded: of the type and not, by the authority and not; what Rego says of it.
5. A tag that moves to an unsigned image after it was verified; a registry that is down: the policy's word.
"""
import base64
import hashlib
import http.client
import json
import os
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "scripts"))
from cluster_peer import Cluster  # noqa: E402
from gate_peer import Gate, free_port, wait_until  # noqa: E402

MANIFEST, INDEX = "application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.index.v1+json"

LOADLINE = """apiVersion: plimsoll.dev/v1alpha1
kind: LoadLine
metadata: {{name: signed}}
undecided: {undecided}
data: {{baselineOnly: allow}}
keys:
  release: {{publicKey: keys/release.pub}}
  builder: {{publicKey: keys/other.pub}}
images:
  - name: attested
    match: ["{old}/attested/*", "{new}/attested/*"]
    attestations: [{{type: slsaprovenance1, by: [release], rego: provenance.rego}}]
  - name: signed
    match: ["{old}/**", "{new}/**"]
    signatures: {{all: [release]}}
"""
REGO = """package provenance

import rego.v1

deny contains "built elsewhere" if input.predicate.runDetails.builder.id != "https://builder.example"
"""


def digest_of(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Store:
    """A registry on loopback without a password, and images in it."""

    def __init__(self, work, name, command):
        self.work, self.name, self.command, self.port = os.path.join(work, name), name, command, free_port()
        self.address, self.process = f"127.0.0.1:{self.port}", None
        os.makedirs(self.work, exist_ok=True)

    def start(self):
        with open(os.path.join(self.work, "log"), "ab") as log:
            self.process = subprocess.Popen(self.command(self), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until(self.lives, 20, f"the registry {self.name} does not start")

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def lives(self):
        try:
            return self.call("GET", "/v2/")[0] == 200
        except OSError:
            return False

    def call(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read(), dict(answer.getheaders())
        finally:
            connection.close()

    def blob(self, repository, data):
        status, _, headers = self.call("POST", f"/v2/{repository}/blobs/uploads/")
        assert status == 202, status
        place = headers.get("Location") or headers["location"]
        place = place.split(self.address, 1)[-1]
        join = "&" if "?" in place else "?"
        status, body, _ = self.call("PUT", f"{place}{join}digest={digest_of(data)}", data, {"Content-Type": "application/octet-stream"})
        assert status == 201, (status, body)
        return {"digest": digest_of(data), "size": len(data)}

    def put(self, repository, reference, kind, document):
        data = json.dumps(document).encode()
        status, body, _ = self.call("PUT", f"/v2/{repository}/manifests/{reference}", data, {"Content-Type": kind})
        assert status == 201, (status, body)
        return {"mediaType": kind, "digest": digest_of(data), "size": len(data)}

    def manifest(self, repository, reference, words):
        layer = bytearray(1024)  # an empty tar
        config = {"architecture": "amd64", "os": "linux", "config": {"Labels": {"words": words}}, "rootfs": {"type": "layers", "diff_ids": [digest_of(bytes(layer))]}}
        layer = self.blob(repository, bytes(layer)) | {"mediaType": "application/vnd.oci.image.layer.v1.tar"}
        config = self.blob(repository, json.dumps(config).encode()) | {"mediaType": "application/vnd.oci.image.config.v1+json"}
        document = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer]}
        return self.put(repository, reference, MANIFEST, document)

    def image(self, name, words=None):
        """An image of one manifest at `repository:tag`; its name with the digest."""
        repository, tag = name.split(":")
        return f"{self.address}/{repository}@{self.manifest(repository, tag, words or name)['digest']}"

    def index(self, name):
        """An index of one manifest: the names of both by digest."""
        repository, tag = name.split(":")
        manifest = self.manifest(repository, "platform", name)
        entry = manifest | {"platform": {"os": "linux", "architecture": "amd64"}}
        index = self.put(repository, tag, INDEX, {"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]})
        return [f"{self.address}/{repository}@{one['digest']}" for one in (index, manifest)]


class Run:
    def __init__(self, plimsoll, work, binaries, cosign):
        self.plimsoll, self.work, self.binaries, self.cosign_folder = plimsoll, work, binaries, cosign
        self.env = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")} | {
            "HOME": work, "COSIGN_PASSWORD": "x", "PLIMSOLL_CACHE_DIR": os.path.join(work, "cache"), "DOCKER_CONFIG": work}
        self.failures = self.passed = 0
        self.forms = ("classic", "bundle")

    def check(self, right, words):
        if right:
            self.passed += 1
        else:
            self.failures += 1
            print(f"FAILED: {words}")

    def write(self, name, text):
        path = os.path.join(self.work, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)
        return path

    def cosign(self, form, *args):
        program = os.path.join(self.cosign_folder, "cosign-v2" if form == "classic" else "cosign-v3")
        more = ["--new-bundle-format=true", "--use-signing-config=false"] if form == "bundle" else []
        command = [program, args[0], *more, "--tlog-upload=false", "--yes", "--allow-http-registry", *args[1:]]
        run = subprocess.run(command, cwd=self.work, env=self.env, capture_output=True, text=True)
        assert run.returncode == 0, f"{' '.join(command)}: {run.stderr}"

    def keys(self):
        os.makedirs(os.path.join(self.work, "keys"), exist_ok=True)
        for name in ("release", "other", "stranger"):
            command = [os.path.join(self.cosign_folder, "cosign-v3"), "generate-key-pair", "--output-key-prefix", f"keys/{name}"]
            subprocess.run(command, cwd=self.work, env=self.env, check=True, capture_output=True)

    def policy(self, undecided="deny"):
        self.write("provenance.rego", REGO)
        return self.write("loadline.yaml", LOADLINE.format(undecided=undecided, old=self.old.address, new=self.new.address))

    def plain(self):
        return [f"--plain-http={store.address}" for store in (self.old, self.new)]

    def image(self, name):
        """What `plimsoll image` says: status, and its reasons."""
        command = [self.plimsoll, "image", name, "--policy", self.policy_file, "--format", "json", *self.plain()]
        run = subprocess.run(command, cwd=self.work, env=self.env, capture_output=True, text=True, timeout=120)
        reasons = ""
        if run.stdout.startswith("{"):
            verdicts = [one["verdict"] for one in json.loads(run.stdout)["assessments"]]
            reasons = " | ".join(reason["message"] for verdict in verdicts for reason in verdict["reasons"])
        return run.returncode, reasons or run.stderr

    def says(self, name, status, words):
        got = self.image(name)
        self.check(got[0] == status and words in got[1], f"{name}: wanted {status} {words!r}, got {got}")

    def sign(self, form, key, image, *more):
        self.cosign(form, "sign", "--key", f"keys/{key}.key", *more, image)

    def attest(self, form, key, image, predicate, kind="slsaprovenance1"):
        path = self.write("predicate.json", json.dumps(predicate))
        self.cosign(form, "attest", "--key", f"keys/{key}.key", "--type", kind, "--predicate", path, image)

    def images(self):
        """Every store, every form: the images that pods name later."""
        there = {"buildDefinition": {"buildType": "a", "externalParameters": {}}, "runDetails": {"builder": {"id": "https://builder.example"}}}
        elsewhere = json.loads(json.dumps(there).replace("builder.example", "elsewhere.example"))
        for store in (self.old, self.new):
            for form in self.forms:
                at = lambda name: f"{form}/{name}:1"  # noqa: E731
                self.sign(form, "release", store.image(at("signed")))
                store.image(at("unsigned"))
                self.sign(form, "stranger", store.image(at("wrong")))
                self.sign(form, "other", store.image(at("other")))
                self.attest(form, "release", store.image(at("attested-only")), there)
                both = store.image(at("both"))
                self.sign(form, "other", both)
                self.sign(form, "release", both)
                index, manifest = store.index(at("index"))
                self.sign(form, "release", index)
                index, manifest = store.index(at("manifest"))
                self.sign(form, "release", manifest)
                image = lambda name: store.image(f"attested/{form}-{name}:1")  # noqa: E731
                self.attest(form, "release", image("good"), there)
                self.attest(form, "release", image("elsewhere"), elsewhere)
                self.attest(form, "other", image("other"), there)
                self.attest(form, "release", image("type"), {"a": 1}, "https://example.com/a")
                self.sign(form, "release", image("signed"))

    def desk(self):
        for store in (self.old, self.new):
            for form in self.forms:
                at = lambda name: f"{store.address}/{form}/{name}:1"  # noqa: E731
                self.says(at("signed"), 0, "signed by `release`")
                self.says(at("both"), 0, "signed by `release`")
                self.says(at("unsigned"), 1, "is not signed by `release`, as entry `signed` asks: there is no signature of sha256:")
                self.says(at("wrong"), 1, "held against `release`: ")
                self.says(at("other"), 1, "held against `release`: ")
                # In the classic form attestations are not even looked for where none is asked for.
                nothing = "there is no signature of" if form == "classic" else "and no signature"
                self.says(at("attested-only"), 1, nothing)
                self.says(at("index"), 0, "signed by `release`")
                self.says(at("manifest"), 1, "sign the index, or name the manifest's digest")
                digest = self.resolved(store, f"{form}/index", "platform")
                self.says(f"{store.address}/{form}/index@{digest}", 1, "is not signed by `release`")
                digest = self.resolved(store, f"{form}/manifest", "platform")
                self.says(f"{store.address}/{form}/manifest@{digest}", 0, "signed by `release`")
                at = lambda name: f"{store.address}/attested/{form}-{name}:1"  # noqa: E731
                self.says(at("good"), 0, "an attestation of type `slsaprovenance1` by `release` holds")
                self.says(at("elsewhere"), 1, "built elsewhere")
                self.says(at("other"), 1, "has no attestation of type `slsaprovenance1` by `release` that holds")
                self.says(at("type"), 1, "`release` attests to another type, https://example.com/a")
                self.says(at("signed"), 1, "has no attestation of type `slsaprovenance1`")
        print(f"say: {self.passed} answers of `plimsoll image` over two registries and both forms")

    def resolved(self, store, repository, reference):
        accept = {"Accept": f"{MANIFEST}, {INDEX}"}
        return digest_of(store.call("GET", f"/v2/{repository}/manifests/{reference}", headers=accept)[1])

    # At the API server.

    def kube(self, *args, given=None):
        command = [self.cluster.kubectl, "--kubeconfig", self.cluster.kubeconfig, *args]
        return subprocess.run(command, input=given, capture_output=True, text=True, timeout=60)

    def hooks(self, port):
        with open(os.path.join(self.work, "gate.pem"), "rb") as file:
            authority = base64.b64encode(file.read()).decode()
        rules = [{"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["CREATE", "UPDATE"],
                  "resources": ["pods", "pods/ephemeralcontainers", "deployments", "cronjobs", "jobs"]}]
        documents = []
        for kind, path in (("Mutating", "mutate"), ("Validating", "validate")):
            documents.append({
                "apiVersion": "admissionregistration.k8s.io/v1", "kind": f"{kind}WebhookConfiguration", "metadata": {"name": "signed"},
                "webhooks": [{
                    "name": "signed.example.com", "rules": rules, "failurePolicy": "Fail", "sideEffects": "None", "timeoutSeconds": 20,
                    "admissionReviewVersions": ["v1"], "clientConfig": {"url": f"https://127.0.0.1:{port}/{path}", "caBundle": authority},
                }]})
        return json.dumps({"apiVersion": "v1", "kind": "List", "items": documents})

    def tried(self, object_, *more):
        """Created as a dry run: the object as it would be, or why not."""
        run = self.kube("create", "--dry-run=server", "-o", "json", "-f", "-", *more, given=json.dumps(object_))
        return json.loads(run.stdout) if run.returncode == 0 else run.stderr

    def admitted(self, object_, words=None):
        """Whether it is refused with these words, or runs, and what it is then."""
        answer = self.tried(object_)
        if words is None:
            self.check(isinstance(answer, dict), f"refused: {answer}")
        else:
            self.check(isinstance(answer, str) and words in answer, f"wanted {words!r}: {answer}")
        return answer if isinstance(answer, dict) else {}

    def admission(self):
        old, new = self.old.address, self.new.address
        signed, unsigned, wrong = (f"{new}/bundle/{name}:1" for name in ("signed", "unsigned", "wrong"))
        digest = self.resolved(self.new, "bundle/signed", "1")
        args = [f"--port={self.port}", "--cert=gate.pem", "--key=gate-key.pem", f"--policy={self.policy_file}", "--tag-ttl=1", *self.plain()]
        with Gate(self.plimsoll, *args, cwd=self.work, env=self.env, port=self.port):
            hooked = self.kube("apply", "-f", "-", given=self.hooks(self.port))
            assert hooked.returncode == 0, hooked.stderr
            wait_until(lambda: isinstance(self.tried(pod(unsigned)), str), 60, "nobody refuses what is not signed")
            runs = self.admitted(pod(signed))
            image = runs.get("spec", {}).get("containers", [{}])[0].get("image")
            self.check(image == f"{signed}@{digest}", f"not pinned to what was verified: {image}")
            for one in (f"{old}/classic/signed:1", f"{old}/bundle/signed:1", f"{new}/classic/signed:1", f"{new}/bundle/index:1", f"{new}/attested/bundle-good:1"):
                self.admitted(pod(one))
            for one, words in [
                (unsigned, "there is no signature of"), (wrong, "is not signed by `release`"), (f"{old}/classic/wrong:1", "is not signed by `release`"),
                (f"{new}/bundle/attested-only:1", "and no signature"), (f"{new}/bundle/manifest:1", "alone, and the name leads to the index"),
                (f"{new}/attested/bundle-elsewhere:1", "built elsewhere"),
            ]:
                self.admitted(pod(one), words)
            # 26: wherever an image stands.
            self.admitted(pod(signed, initContainers=[{"name": "i", "image": unsigned}]), "is not signed")
            self.admitted(cron_job(unsigned), "is not signed")
            # Its pods are pinned when they are made.
            self.admitted(cron_job(signed))
            self.admitted(pod(f"{signed}@{self.resolved(self.new, 'bundle/unsigned', '1')}"), "is not signed")
            other_tag = f"{new}/bundle/signed:elsewhere@{digest}"
            self.admitted(pod(other_tag))
            # The tag of the unsigned image, the digest of the signed: the digest counts. And the reverse.
            self.new.image("bundle/signed:moving", "an unsigned image")
            moved = self.resolved(self.new, "bundle/signed", "moving")
            self.admitted(pod(f"{new}/bundle/signed:moving@{digest}"))
            self.admitted(pod(f"{new}/bundle/signed:1@{moved}"), "is not signed")
            self.really(signed, unsigned)
            self.moved(signed)
            self.down(signed)
        print(f"say: {self.passed} answers in all, at the desk and at the API server")

    def really(self, signed, unsigned):
        """A pod that is there: changed, and with an ephemeral container added."""
        made = self.kube("create", "-f", "-", given=json.dumps(pod(signed)))
        self.check(made.returncode == 0, made.stderr)
        changed = self.kube("set", "image", "pod/p", f"c0={unsigned}")
        self.check(changed.returncode != 0 and "is not signed" in changed.stderr, f"an update: {changed.stdout}{changed.stderr}")
        for image, passes in ((unsigned, False), (signed, True)):
            patch = {"spec": {"ephemeralContainers": [{"name": "debug", "image": image}]}}
            added = self.kube("patch", "pod", "p", "--subresource=ephemeralcontainers", "-p", json.dumps(patch))
            right = added.returncode == 0 if passes else "is not signed" in added.stderr
            self.check(right, f"an ephemeral container of {image}: {added.stdout}{added.stderr}")
        gone = self.kube("delete", "pod", "p", "--force", "--grace-period=0")
        assert gone.returncode == 0, gone.stderr

    def moved(self, signed):
        """16: the tag moves to what is not signed, and back."""
        repository = signed.split("/", 1)[1].split(":")[0]
        before = self.resolved(self.new, repository, "1")
        document = json.loads(self.new.call("GET", f"/v2/{repository}/manifests/1", headers={"Accept": MANIFEST})[1])
        self.new.image(f"{repository}:1", "moved")
        wait_until(lambda: isinstance(self.tried(pod(signed)), str), 60, "the moved tag still counts as signed")
        answer = self.tried(pod(signed))
        self.check(isinstance(answer, str) and "is not signed" in answer, answer)
        again = self.new.put(repository, "1", MANIFEST, document)
        assert again["digest"] == before
        wait_until(lambda: isinstance(self.tried(pod(signed)), dict), 60, "what is signed does not run")

    def down(self, signed):
        """A registry that is down: what was verified runs for a while; what was not is what `undecided` says."""
        self.new.image("bundle/late:1")
        self.new.stop()
        answer = self.tried(pod(f"{self.new.address}/bundle/late:1"))
        self.check(isinstance(answer, str) and "could not" in answer, f"under deny: {answer}")
        self.policy("warn")
        late = lambda: self.tried(pod(f"{self.new.address}/bundle/late:1"))  # noqa: E731
        wait_until(lambda: isinstance(late(), dict), 90, "`undecided: warn` does not let it run")
        self.policy("deny")
        wait_until(lambda: isinstance(late(), str), 90, "`undecided: deny` does not refuse it")
        self.check(True, "")

    def all(self):
        subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
        subprocess.run(["openssl", "req", "-nodes", "-new", "-x509", "-days", "2", "-keyout", "gate-key.pem", "-out", "gate.pem", *subject],
                       cwd=self.work, check=True, capture_output=True)
        os.chmod(os.path.join(self.work, "gate-key.pem"), 0o600)
        self.keys()
        self.old = Store(self.work, "debian", lambda store: ["docker-registry", "serve", self.configured(store)])
        self.new = Store(self.work, "referrers", lambda store: [os.path.join(self.cosign_folder, "registry"), store.address])
        self.policy_file, self.port = self.policy(), free_port()
        try:
            self.old.start()
            self.new.start()
            self.images()
            self.desk()
            if self.binaries != "none":
                with Cluster(os.path.join(self.work, "cluster"), self.binaries) as self.cluster:
                    self.cluster.start()
                    self.admission()
        finally:
            self.old.stop()
            self.new.stop()
        return self.failures

    def configured(self, store):
        storage = os.path.join(store.work, "storage")
        return self.write(f"{store.name}/config.yml", "version: 0.1\nlog: {level: warn}\n"
                          f"storage: {{filesystem: {{rootdirectory: \"{storage}\"}}, delete: {{enabled: true}}}}\nhttp: {{addr: \"{store.address}\"}}\n")


def pod(image, **more):
    spec = {"containers": [{"name": "c0", "image": image}], **more}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "default"}, "spec": spec}


def cron_job(image):
    spec = {"containers": [{"name": "c0", "image": image}], "restartPolicy": "Never"}
    job = {"spec": {"template": {"spec": spec}}}
    return {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "c", "namespace": "default"}, "spec": {"schedule": "0 0 * * *", "jobTemplate": job}}


def main():
    plimsoll, work = (os.path.abspath(path) for path in sys.argv[1:3])
    binaries = sys.argv[3] if sys.argv[3] == "none" else os.path.abspath(sys.argv[3])
    shutil.rmtree(work, ignore_errors=True)
    os.makedirs(work)
    failures = Run(plimsoll, work, binaries, os.path.abspath(sys.argv[4])).all()
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
