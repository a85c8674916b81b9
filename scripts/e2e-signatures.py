#!/usr/bin/env python3
"""Signatures and attestations at a real API server: what the gate lets run of what the real cosign signed.

Usage: scripts/e2e-signatures.py PLIMSOLL WORK APISERVER COSIGN WORLD     (needs etcd-server, openssl, docker-registry; APISERVER is
       what scripts/peers/build-apiserver.sh filled, or `none`; COSIGN what build-cosign.sh did; WORLD the example `offline_world` of plimsoll-trust)

Two registries on loopback: Debian's, which keeps no list of referrers, and go-containerregistry's, which does. On both, signed by
cosign in its classic form and as a bundle:
1. `plimsoll image` allows what is signed and denies what is not, is signed by another key, or is attested to and not signed.
2. Pods say the same at the API server, pinned to the digest that was verified, wherever an image stands in them: containers,
   initContainers, ephemeralContainers (a subresource), an update, a CronJob's template, tag@digest with a tag that leads elsewhere.
3. An index that is signed and its manifest that is not, and the reverse.
4. An attestation that is demanded: of the type and not, by the authority and not; what Rego says of it.
5. A tag that moves to an unsigned image after it was verified; a registry that is down: the policy's word.
6. What is signed without keys, in an offline world: by the identity that is asked for, and by another, of another issuer, and under
   another trusted root.
"""
import base64
import json
import os
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "scripts"))
from cluster_peer import Cluster  # noqa: E402
from gate_peer import Gate, free_port, wait_until  # noqa: E402
from store_peer import ENVELOPE, INDEX, MANIFEST, SIMPLE_SIGNING, Store, debian, digest_of  # noqa: E402

LOADLINE = """apiVersion: plimsoll.dev/v1alpha1
kind: LoadLine
metadata: {{name: signed}}
undecided: {undecided}
data: {{baselineOnly: allow}}
keys:
  release: {{publicKey: keys/release.pub}}
  builder: {{publicKey: keys/other.pub}}
  acme: {{issuer: "https://token.actions.githubusercontent.com", identity: "https://github.com/acme/*/.github/workflows/release.yml@refs/tags/*", trustedRoot: world/trusted_root.json}}
  stranger: {{issuer: "https://token.actions.githubusercontent.com", identity: "https://github.com/acme-evil/**", trustedRoot: world/trusted_root.json}}
  elsewhere: {{issuer: "https://gitlab.com", identity: "https://github.com/acme/*/.github/workflows/release.yml@refs/tags/*", trustedRoot: world/trusted_root.json}}
  untrusted: {{issuer: "https://token.actions.githubusercontent.com", identity: "https://github.com/acme/**", trustedRoot: world/other_root.json}}
  public: {{issuer: "https://token.actions.githubusercontent.com", identity: "https://github.com/acme/shop/**"}}
images:
{keyless}
  - name: attested
    match: ["{old}/attested/*", "{new}/attested/*"]
    attestations: [{{type: slsaprovenance1, by: [release], rego: provenance.rego}}]
  - name: signed
    match: ["{old}/**", "{new}/**"]
    signatures: {{all: [release]}}
"""
# Whose keyless signatures are asked for, and what is said of those that are there.
KEYLESS = {
    "acme": None,
    "stranger": "(identity-mismatch)",
    "elsewhere": "(issuer-mismatch)",
    "untrusted": "held against `untrusted`: ",
    "public": "held against `public`: ",
}


def before_the_cut(answer, words):
    """What must stand in an answer: long ones are cut for kubectl, before the code at the end of a refusal."""
    who = next((who for who, code in KEYLESS.items() if words and code == words), None)
    return f"held against `{who}`: " if who and answer.rstrip().endswith("…") else words


REGO = """package provenance

import rego.v1

deny contains "built elsewhere" if input.predicate.runDetails.builder.id != "https://builder.example"
"""


REGO_OF_WORLD = """package world

import rego.v1

deny contains "not as it was signed" if input._type != "https://in-toto.io/Statement/v1"
"""


class Run:
    def __init__(self, plimsoll, work, binaries, cosign, world):
        self.plimsoll, self.work, self.binaries, self.cosign_folder, self.world = plimsoll, work, binaries, cosign, world
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
        self.write("provenance-of-world.rego", REGO_OF_WORLD)
        return self.write("loadline.yaml", LOADLINE.format(
            undecided=undecided, old=self.old.address, new=self.new.address, keyless="\n".join(self.entries())))

    def entries(self):
        """Each image is there for each of those whose signature is asked for, and for what is attested."""
        for who in KEYLESS:
            match = ", ".join(f'"{store.address}/keyless/{who}/*"' for store in (self.old, self.new))
            yield f"  - {{name: {who}, match: [{match}], signatures: {{all: [{who}]}}}}"
            match = ", ".join(f'"{store.address}/keyless-attested/{who}/*"' for store in (self.old, self.new))
            yield f"  - {{name: attested-{who}, match: [{match}], attestations: [{{type: slsaprovenance1, by: [{who}], rego: provenance-of-world.rego}}]}}"

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

    def keyless_images(self):
        """One image, in a repository for each who is asked for and each form: signed once, for the digest is the same."""
        made = self.new.image("keyless/made:1", "keyless").split("@sha256:")[1]
        subprocess.run([self.world, "--image", made, os.path.join(self.work, "world")], check=True)
        read = lambda name: json.load(open(os.path.join(self.work, "world", name)))  # noqa: E731
        bundle = json.dumps(read("bundle.json")).encode()
        for store in (self.old, self.new):
            for who in KEYLESS:
                self.check(store.image(f"keyless/{who}/none:1", "keyless").endswith(made), "the image is another one")
                store.refer(store.image(f"keyless/{who}/bundle:1", "keyless"), bundle)
                store.attach(store.image(f"keyless/{who}/signature:1", "keyless"), ".sig", read("signature.json"), SIMPLE_SIGNING)
                store.attach(store.image(f"keyless-attested/{who}/attestation:1", "keyless"), ".att", read("attestation.json"), ENVELOPE)

    def keyless(self):
        """Every one of them, with the words of a refusal."""
        for store in (self.old, self.new):
            for who, words in KEYLESS.items():
                for form in ("bundle", "signature"):
                    yield f"{store.address}/keyless/{who}/{form}:1", words, f"signed by `{who}`"
                yield f"{store.address}/keyless/{who}/none:1", "there is no signature of", ""
                yield f"{store.address}/keyless-attested/{who}/attestation:1", words, f"an attestation of type `slsaprovenance1` by `{who}` holds"

    def keyless_desk(self):
        for image, words, holds in self.keyless():
            self.says(image, 0 if words is None else 1, words or holds)

    def keyless_gate(self):
        args = [f"--port={self.port}", "--cert=gate.pem", "--key=gate-key.pem", f"--policy={self.policy_file}", *self.plain()]
        with Gate(self.plimsoll, *args, cwd=self.work, env=self.env, port=self.port) as gate:
            for image, words, _ in self.keyless():
                status = gate.image_review(image)
                reason = status.get("reason", "")
                right = status["allowed"] if words is None else not status["allowed"] and before_the_cut(reason, words) in reason
                self.check(right, f"the gate says of {image}: {status}, wanted {words!r}")
        print(f"say: {self.passed} answers, with those on what is signed without keys, at the desk and at the gate")

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
            self.check(isinstance(answer, str) and before_the_cut(answer, words) in answer, f"wanted {words!r}: {answer}")
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
            for image, words, _ in self.keyless():
                self.admitted(pod(image), words)
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
            self.down(f"{signed}@{digest}")
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
        """A registry that is down: what was verified by its digest runs for a while; what was not is what `undecided` says."""
        self.new.image("bundle/late:1")
        self.admitted(pod(signed))
        self.new.stop()
        self.admitted(pod(signed))
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
        self.old = Store(self.work, "debian", debian)
        self.new = Store(self.work, "referrers", lambda store: [os.path.join(self.cosign_folder, "registry"), store.address])
        self.policy_file, self.port = self.policy(), free_port()
        try:
            self.old.start()
            self.new.start()
            self.images()
            self.keyless_images()
            self.desk()
            self.keyless_desk()
            self.keyless_gate()
            if self.binaries != "none":
                with Cluster(os.path.join(self.work, "cluster"), self.binaries) as self.cluster:
                    self.cluster.start()
                    self.admission()
        finally:
            self.old.stop()
            self.new.stop()
        return self.failures


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
    failures = Run(plimsoll, work, binaries, *(os.path.abspath(path) for path in sys.argv[4:6])).all()
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
