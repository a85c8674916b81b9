#!/usr/bin/env python3
"""Holds `plimsoll cosign` against the real cosign: each verifies what the other signs, takes the other's keys, and ends with the
same status where it does not.
Usage: scripts/peers/cosign.py PLIMSOLL FOLDER [VERSION…], where FOLDER is that of scripts/peers/build-cosign.sh (cosign-v3, cosign-v2,
registry). Both run against Debian's docker-registry, which has no referrers API, and against one that has it, on loopback.

Standard output is compared whole, JSON as data. Of a failure the status is compared; of bundles only that there is one, for there the
real one's status is 1 whatever it was. Nothing asks a host but these registries. Needs openssl and docker-registry.
"""
import hashlib
import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
# Without a log: nothing here reaches one.
SIGN = ["--tlog-upload=false", "--use-signing-config=false", "-y"]
VERIFY = ["--insecure-ignore-tlog"]
ROOT = Path(__file__).resolve().parents[2] / "crates/plimsoll-trust/data/sigstore-trusted-root.json"
FORMS = {"classic": ["--new-bundle-format=false"], "bundle": ["--new-bundle-format=true"]}


class Store:
    """A registry on loopback, and images in it."""

    def __init__(self, name, process, address):
        self.name, self.process, self.address = name, process, address

    def request(self, method, path, body=None, **headers):
        connection = http.client.HTTPConnection(self.address, timeout=20)
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer, content

    def blob(self, repository, content):
        digest = "sha256:" + hashlib.sha256(content).hexdigest()
        answer, _ = self.request("POST", f"/v2/{repository}/blobs/uploads/", Content_Length="0")
        place = answer.headers["Location"].split(self.address, 1)[-1]
        place += ("&" if "?" in place else "?") + "digest=" + digest
        answer, said = self.request("PUT", place, content, Content_Type="application/octet-stream")
        assert answer.status == 201, (answer.status, said)
        return {"digest": digest, "size": len(content)}

    def manifest(self, repository, tag, value):
        text = json.dumps(value).encode()
        answer, said = self.request("PUT", f"/v2/{repository}/manifests/{tag}", text, Content_Type=value["mediaType"])
        assert answer.status == 201, (answer.status, said)
        return {"mediaType": value["mediaType"], "digest": "sha256:" + hashlib.sha256(text).hexdigest(), "size": len(text)}

    def image(self, repository, tag, content):
        """An image of one layer with this text; its descriptor."""
        layer = self.blob(repository, content.encode())
        config = {"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]}}
        config = self.blob(repository, json.dumps(config).encode())
        return self.manifest(repository, tag, {
            "schemaVersion": 2, "mediaType": MANIFEST,
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **config},
            "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", **layer}],
        })

    def get(self, repository, name):
        answer, content = self.request("GET", f"/v2/{repository}/manifests/{name}", Accept=f"{MANIFEST}, {INDEX}")
        return json.loads(content) if answer.status == 200 else None

    def stop(self):
        self.process.terminate()
        self.process.wait()


def listening(address):
    host, port = address.split(":")
    for _ in range(100):
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"nothing listens at {address}")


def docker_registry(folder):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    config = Path(folder, "registry.yml")
    config.write_text(f"version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\n"
                      f"storage: {{filesystem: {{rootdirectory: {folder}/storage}}, delete: {{enabled: true}}}}\nhttp: {{addr: {address}}}\n")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("REGISTRY_")}
    process = subprocess.Popen(["docker-registry", "serve", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    listening(address)
    return Store("docker-registry", process, address)


def listing_registry(program):
    process = subprocess.Popen([program], stdout=subprocess.PIPE, text=True)
    address = process.stdout.readline().strip()
    listening(address)
    return Store("registry with referrers", process, address)


class Compare:
    def __init__(self, programs, folder):
        self.programs, self.folder = programs, folder
        self.asked = self.differ = 0
        home = Path(folder, "home")
        home.mkdir(exist_ok=True)
        # Nobody's credentials, proxies or settings.
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(home), "DOCKER_CONFIG": str(home), "TUF_ROOT": str(home / "tuf")}

    def run(self, who, *words, password="pw", **environment):
        done = subprocess.run([*self.programs[who], *words], cwd=self.folder, capture_output=True, timeout=300,
                              stdin=subprocess.DEVNULL, env=self.environment | {"COSIGN_PASSWORD": password} | environment)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def same(self, what, mine, theirs, said=""):
        self.asked += 1
        if mine != theirs:
            self.differ += 1
            print(f"DIFFERS {what}\n  ours    {mine!r:.800}\n  cosign  {theirs!r:.800}\n  {said:.600}")

    def both(self, what, real, words, kind="status", **more):
        """The same words to both: their status and standard output."""
        mine, theirs = self.run("ours", *words, **more), self.run(real, *words, **more)
        shown = [self.shown(kind, *one) for one in (mine, theirs)]
        self.same(f"{what} ({' '.join(words)})", *shown, said=f"{mine[2]}\n  {theirs[2]}")
        return theirs

    @staticmethod
    def shown(kind, status, out, _):
        if kind == "fails":
            return bool(status), out
        if kind == "lines":
            return status, sorted(out.split("\n"))
        if kind == "loose":
            said = json.loads(out) if out.startswith("\n[") else [json.loads(line) for line in out.split("\n") if line]
            return bool(status), [one["critical"] for one in said]
        if out.startswith("\n["):
            return status, json.loads(out)
        return status, out


def keys(check, real):
    folder = Path(check.folder)
    for who, other in [("ours", real), (real, "ours")]:
        prefix = f"key-{who}"
        check.same(f"generate-key-pair of {who}", check.run(who, "generate-key-pair", "--output-key-prefix", prefix)[0], 0)
        public = (folder / f"{prefix}.pub").read_text()
        check.same(f"public-key by {other}", check.run(other, "public-key", "--key", f"{prefix}.key")[:2], (0, public))
        wrong = check.run(other, "public-key", "--key", f"{prefix}.key", password="no")
        check.same(f"another password at {other}", wrong[:2], (1, ""))
        check.same("rights of the key", (folder / f"{prefix}.key").stat().st_mode & 0o777, 0o600)
    for name, make in {
        "p256": "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out", "p384": "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out",
        "ed25519": "genpkey -algorithm ed25519 -out", "rsa": "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out",
        "rsa1": "genrsa -traditional -out", "sec1": "ecparam -genkey -noout -name prime256v1 -out",
    }.items():
        subprocess.run(["openssl", *make.split(), f"{name}.pem"], cwd=folder, check=True, capture_output=True)
        for who, other in [("ours", real), (real, "ours")]:
            prefix = f"{name}-{who}"
            check.same(f"import-key-pair of {name} by {who}",
                       check.run(who, "import-key-pair", "--key", f"{name}.pem", "--output-key-prefix", prefix)[0], 0)
            public = (folder / f"{prefix}.pub").read_text()
            check.same(f"{name} of {who} at {other}", check.run(other, "public-key", "--key", f"{prefix}.key")[:2], (0, public))
    check.both("no such key", real, ["public-key", "--key", "nowhere.key"])
    check.both("a public key for a private one", real, ["sign", *SIGN, *FORMS["classic"], "--key", f"key-{real}.pub", "127.0.0.1:1/a:v1"])


def blobs(check, real):
    """Files: bare signatures and bundles, of every kind of key that the real one verifies."""
    folder = Path(check.folder)
    for name in ("blob", "other"):
        (folder / name).write_text(name)
    trusted = ["--trusted-root", str(ROOT)]
    for algorithm in ("key", "p256", "p384", "rsa"):
        for who, other in [("ours", real), (real, "ours")]:
            key = f"{algorithm}-{who}"
            for form, made, given in [("false", "--output-signature", "--signature"), ("true", "--bundle", "--bundle")]:
                out = f"{key}-{form}.out"
                words = ["sign-blob", *SIGN, f"--new-bundle-format={form}", made, out, "--key", f"{key}.key", "blob"]
                status, _, said = check.run(who, *words)
                check.same(f"sign-blob by {who} with {algorithm}, {made}", status, 0, said)
                words = ["verify-blob", *VERIFY, f"--new-bundle-format={form}", given, out, *(trusted if form == "true" else [])]
                for verifier in (who, other):
                    # Where nothing is said of it, the real one verifies with another hash than it signs with on P-384.
                    if (algorithm, verifier) != ("p384", real):
                        status, _, said = check.run(verifier, *words, "--key", f"{key}.pub", "blob")
                        check.same(f"verify-blob of {who} with {algorithm}, {given}, by {verifier}", status, 0, said)
                check.both(f"another blob of {who}, {given}", real, [*words, "--key", f"{key}.pub", "other"], "fails")
                check.both(f"another key than of {who}, {given}", real, [*words, "--key", "sec1-ours.pub", "blob"], "fails")
    check.both("no signature", real, ["verify-blob", *VERIFY, "--key", "key-ours.pub", "blob"], "fails")
    check.both("no blob", real, ["sign-blob", *SIGN, "--bundle", "x", "--key", "key-ours.key", "nowhere"], "fails")


def images(check, real, store, form):
    fails = "status" if form == "classic" else "fails"
    # Cosign 2 reads no annotations of bundles, and would fetch what is trusted where no file is named.
    old = (real, form) == ("cosign-v2", "bundle")
    kind = "loose" if old else "status"
    at = f"{store.address}/{form}/{real}"
    flags = FORMS[form]
    asked = ["verify", *VERIFY, *flags, *(["--trusted-root", str(ROOT)] if old else [])]
    repository = f"{form}/{real}/app"
    first, other = store.image(repository, "v1", "one"), store.image(repository, "v2", "two")
    name = f"{at}/app@{first['digest']}"

    def verify(key, image=name, *more):
        return [*asked, "--key", f"key-{key}.pub", *more, image]

    check.both(f"{store.name}: unsigned", real, verify("ours"), kind)
    check.both(f"{store.name}: no such image", real, verify("ours", f"{at}/app:none"), kind)
    # Each signs with its own key; the second signature is added.
    for who in ("ours", real):
        by = "by=" + who.split("-")[0]
        status, _, said = check.run(who, "sign", *SIGN, *flags, "--key", f"key-{who}.key", "-a", by, name)
        check.same(f"{store.name}: {form} sign by {who}", status, 0, said)
        status, out, said = check.both(f"{store.name}: {form} of {who}", real, verify(who), kind)
        check.same(f"{store.name}: {form} of {who} verifies", status, 0, said)
        check.both(f"{store.name}: {form} of {who}", real, verify(who, name, "-o", "text"), kind)
        if form == "classic":
            check.both(f"{store.name}: {form} of {who}", real, verify(who, name, "--check-claims=false"))
        if not old:
            check.both(f"{store.name}: {form} of {who}", real, verify(who, name, "-a", by))
            check.both(f"{store.name}: another annotation", real, verify(who, name, "-a", "by=nobody"), fails)
    for key in ("ours", real):
        check.both(f"{store.name}: both signatures are there", real, verify(key), kind)
    check.both(f"{store.name}: another key", real, [*asked, "--key", "p256-ours.pub", name], fails)
    check.both(f"{store.name}: by tag", real, verify("ours", f"{at}/app:v1"), kind)
    check.both(f"{store.name}: the other image", real, verify("ours", f"{at}/app:v2"), kind)
    check.both(f"{store.name}: without the log", real, ["verify", *flags, "--key", "key-ours.pub", name], "fails")
    check.both(f"{store.name}: without a signer", real, ["verify", name], "fails")
    for what in ("signature", "attestation", "sbom", "digest", "nothing"):
        check.both(f"{store.name}: triangulate", real, ["triangulate", "--type", what, name])
    if real == "cosign-v3":
        check.both(f"{store.name}: tree", real, ["tree", name], "lines")
    # The signature of one image, put beside another by whoever can write there.
    if form == "classic":
        moved = store.get(repository, first["digest"].replace(":", "-") + ".sig")
        store.manifest(repository, other["digest"].replace(":", "-") + ".sig", moved)
        status, *_ = check.both(f"{store.name}: another image's signature", real, verify("ours", f"{at}/app:v2"))
        check.same(f"{store.name}: another image's signature", status, 12)
    # Every kind of key.
    for algorithm in ("p256", "ed25519", "rsa", "rsa1"):
        for who in ("ours", real):
            image = store.image(f"{form}/{real}/{algorithm}-{who}", "v1", algorithm)
            named = f"{at}/{algorithm}-{who}@{image['digest']}"
            status, _, said = check.run(who, "sign", *SIGN, *flags, "--key", f"{algorithm}-{who}.key", named)
            check.same(f"{store.name}: {form} sign with {algorithm} by {who}", status, 0, said)
            asking = [*asked, "--key", f"{algorithm}-{who}.pub", named]
            verifies = f"{store.name}: {form} by {algorithm} of {who} verifies"
            if (algorithm, who, form) == ("ed25519", real, "classic"):
                # It does not verify what it signs itself: it hashes before it signs, and not before it verifies. True it is.
                check.same(verifies, (check.run("ours", *asking)[0], check.run(real, *asking)[0]), (0, 12))
                continue
            status, _, said = check.both(f"{store.name}: {algorithm}", real, asking, kind if form == "classic" or old else "fails")
            if (algorithm, who) != ("ed25519", real):
                check.same(verifies, status, 0, said)
    # An index alone, and with its images.
    for recursive in (False, True):
        made = {}
        for who in ("ours", real):
            repository = f"{form}/{real}/index-{who}-{recursive}".lower()
            inside = [store.image(repository, f"i{number}", f"{number}") for number in range(2)]
            entries = [entry | {"platform": {"os": "linux", "architecture": arch}} for entry, arch in zip(inside, ("amd64", "arm64"))]
            index = store.manifest(repository, "v1", {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries})
            named = f"{store.address}/{repository}"
            more = ["--recursive"] if recursive else []
            status, _, said = check.run(who, "sign", *SIGN, *flags, *more, "--key", f"key-{who}.key", f"{named}@{index['digest']}")
            check.same(f"{store.name}: {form} sign an index by {who}", status, 0, said)
            made[who] = [bool(check.both(f"{store.name}: of an index", real, verify(who, f"{named}@{entry['digest']}"), kind)[0])
                         for entry in (index, *inside)]
        check.same(f"{store.name}: what of an index is signed", made["ours"], made[real])
        check.same(f"{store.name}: an index and its images", made["ours"], [False, not recursive, not recursive])
    if form == "classic":
        manifests(check, real, store)
        both_forms(check, real, store)


def manifests(check, real, store):
    """What is pushed, the signatures aside; twice by one key is once; elsewhere; nowhere."""
    made = []
    for who in ("ours", real):
        repository = f"shape/{real}/{who}"
        image = store.image(repository, "v1", "shape")
        name, tag = f"{store.address}/{repository}@{image['digest']}", image["digest"].replace(":", "-") + ".sig"
        for _ in range(2):
            check.run(who, "sign", *SIGN, *FORMS["classic"], "--key", f"key-{who}.key", "--sign-container-identity", "example.org/a", name)
        manifest = store.get(repository, tag)
        for layer in manifest["layers"]:
            layer["annotations"] = {key: "…" for key in layer["annotations"]}
        made.append(manifest)
        elsewhere = f"{store.address}/elsewhere/{real}/{who}"
        status = check.run(who, "sign", *SIGN, *FORMS["classic"], "--key", f"key-{who}.key", name, COSIGN_REPOSITORY=elsewhere)[0]
        check.same("COSIGN_REPOSITORY", (status, bool(store.get(f"elsewhere/{real}/{who}", tag))), (0, True))
        check.both("COSIGN_REPOSITORY", real, ["verify", *VERIFY, *FORMS["classic"], "--key", f"key-{who}.pub", name], COSIGN_REPOSITORY=elsewhere)
        check.both("COSIGN_REPOSITORY", real, ["triangulate", name], COSIGN_REPOSITORY=elsewhere)
        apart = store.image(f"apart/{real}/{who}", "v1", "apart")
        name = f"{store.address}/apart/{real}/{who}@{apart['digest']}"
        outputs = ["--output-signature", f"{who}.sig", "--output-payload", f"{who}.payload"]
        status, out, _ = check.run(who, "sign", *SIGN, *FORMS["classic"], "--key", f"key-{who}.key", "--upload=false", *outputs, name)
        check.same("--upload=false", (status, out), (0, ""))
        check.both("--upload=false", real, ["verify", *VERIFY, *FORMS["classic"], "--key", f"key-{who}.pub", name])
        made.append(Path(check.folder, f"{who}.payload").read_text().replace(f"apart/{real}/{who}", "…"))
    check.same("the manifest of a signature", made[0], made[2])
    check.same("the payload of a signature", made[1], made[3])


def both_forms(check, real, store):
    """What we write in both forms at once, the real one reads in either; a certificate of one's own lies beside the classic one."""
    repository = f"both/{real}"
    image = store.image(repository, "v1", "both")
    name = f"{store.address}/{repository}@{image['digest']}"
    status, _, said = check.run("ours", "sign", *SIGN, "--format", "both", "--key", "key-ours.key", name)
    check.same(f"{store.name}: sign in both forms", status, 0, said)
    for form, flags in FORMS.items():
        # Cosign 2 looks for bundles first, and asks for a root where it finds one.
        trusted = ["--trusted-root", str(ROOT)] if real == "cosign-v2" else []
        for verifier in ("ours", real):
            status, _, said = check.run(verifier, "verify", *VERIFY, *flags, *trusted, "--key", "key-ours.pub", name)
            check.same(f"{store.name}: both forms, {form} by {verifier}", status, 0, said)
    for who in ("ours", real):
        status, payload, said = check.run(who, "generate", "-a", "build=7", name)
        check.same(f"{store.name}: generate by {who}", status, 0, said)
        (Path(check.folder) / f"generated-{who}").write_text(payload)
    check.same(f"{store.name}: generate", *[(Path(check.folder) / f"generated-{who}").read_text() for who in ("ours", real)])
    own_certificate(check, real, store)


def own_certificate(check, real, store):
    """A key with a certificate of an authority of one's own."""
    folder = Path(check.folder)

    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    if not (folder / "own.pem").exists():
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "authority.key", "-out",
                "authority.pem", "-subj", "/CN=authority", "-days", "30", "-addext", "basicConstraints=critical,CA:TRUE",
                "-addext", "keyUsage=critical,keyCertSign")
        (folder / "own.ext").write_text("keyUsage=critical,digitalSignature\nextendedKeyUsage=codeSigning\n"
                                        "subjectAltName=email:somebody@example.com\n"
                                        f"1.3.6.1.4.1.57264.1.1=DER:{b'https://issuer.example.com'.hex()}\n")
        openssl("req", "-new", "-key", "p256.pem", "-subj", "/CN=signer", "-out", "own.csr")
        openssl("x509", "-req", "-in", "own.csr", "-CA", "authority.pem", "-CAkey", "authority.key", "-CAcreateserial", "-days", "30",
                "-extfile", "own.ext", "-out", "own.pem")
    for who in ("ours", real):
        image = store.image(f"own/{real}/{who}", "v1", "own")
        name = f"{store.address}/own/{real}/{who}@{image['digest']}"
        status, _, said = check.run(who, "sign", *SIGN, *FORMS["classic"], "--key", f"p256-{who}.key", "--certificate", "own.pem",
                                    "--certificate-chain", "authority.pem", name)
        check.same(f"{store.name}: sign with a certificate of one's own by {who}", status, 0, said)
        for verifier in ("ours", real):
            words = ["verify", *VERIFY, *FORMS["classic"], "--insecure-ignore-sct"]
            for roots in (["--ca-roots", "authority.pem"], ["--certificate-chain", "authority.pem"]):
                by_name = [*roots, "--certificate-identity", "somebody@example.com", "--certificate-oidc-issuer",
                           "https://issuer.example.com"]
                status, _, said = check.run(verifier, *words, *by_name, name)
                check.same(f"{store.name}: of {who} with its certificate by {verifier}, {roots[0]}", status, 0, said)


def main():
    from cosign_attestations import attestations
    from cosign_transfers import files, transfers

    ours, folder = str(Path(sys.argv[1]).resolve()), Path(sys.argv[2]).resolve()
    reals = sys.argv[3:] or ["cosign-v3", "cosign-v2"]
    differ = 0
    for real in reals:
        if not os.access(folder / real, os.X_OK):
            raise SystemExit(f"{folder / real} is not there: scripts/peers/build-cosign.sh builds it")
        with tempfile.TemporaryDirectory() as scratch:
            check = Compare({"ours": [ours, "cosign"], real: [str(folder / real)]}, scratch)
            stores = [docker_registry(scratch), listing_registry(folder / "registry")]
            try:
                keys(check, real)
                blobs(check, real)
                attestations(check, real, stores)
                for store in stores:
                    for form in FORMS:
                        images(check, real, store, form)
                        transfers(check, real, store, form)
                files(check, real, stores[0])
            finally:
                for store in stores:
                    store.stop()
        print(f"say: {check.asked} answers compared with {real}, {check.differ} differ")
        differ += check.differ
    sys.exit(1 if differ else 0)


if __name__ == "__main__":
    main()
