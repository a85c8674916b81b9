#!/usr/bin/env python3
"""Holds `plimsoll notation` against the real notation: what that signs into a registry, both verify, list and inspect, under the same
trust policies and stores, and say the same.
Usage: scripts/peers/notation.py PLIMSOLL NOTATION, where NOTATION is the program that scripts/peers/build-notation.sh builds.

The registry is Debian's docker-registry, on loopback; so is an authority of time stamps, which is openssl. Of what succeeds standard
output is compared whole, JSON as data and trees line by line in any order; of a failure the status. Where this program cannot tell what
the real one can (ES512, COSE), that is checked as such. Needs openssl and docker-registry.
"""
import http.server
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from cosign import INDEX, MANIFEST, Compare, docker_registry

SIGNATURE = "application/vnd.cncf.notary.signature"
WHO = "x509.subject: C=US, ST=WA, O=acme"
LEAF = "basicConstraints=CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=codeSigning\n"
AUTHORITY = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n"
CLOCK = "basicConstraints=CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=critical,timeStamping\n"
KEYS = {
    "p256": ["ec", "ec_paramgen_curve:P-256"],
    "p384": ["ec", "ec_paramgen_curve:P-384"],
    "p521": ["ec", "ec_paramgen_curve:P-521"],
    "rsa2048": ["rsa", "rsa_keygen_bits:2048"],
    "rsa3072": ["rsa", "rsa_keygen_bits:3072"],
    "rsa4096": ["rsa", "rsa_keygen_bits:4096"],
}


def openssl(*words, cwd):
    done = subprocess.run(["openssl", *map(str, words)], cwd=cwd, capture_output=True, text=True, timeout=120)
    if done.returncode:
        raise SystemExit(f"openssl {' '.join(map(str, words))}: {done.stderr}")


class Certificates:
    """Authorities and signers, made by openssl in one folder."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()

    def key(self, name, kind):
        algorithm, option = KEYS[kind]
        openssl("genpkey", "-algorithm", algorithm, "-pkeyopt", option, "-out", f"{name}.key", cwd=self.folder)

    def make(self, name, kind, subject, extensions, issuer=None):
        self.key(name, kind)
        (self.folder / f"{name}.cnf").write_text(extensions)
        openssl("req", "-new", "-key", f"{name}.key", "-subj", subject, "-out", f"{name}.csr", cwd=self.folder)
        by = ["-CA", f"{issuer}.crt", "-CAkey", f"{issuer}.key"] if issuer else ["-signkey", f"{name}.key"]
        openssl("x509", "-req", "-in", f"{name}.csr", *by, "-days", 30, "-extfile", f"{name}.cnf", "-out", f"{name}.crt", cwd=self.folder)

    def chain(self, *names):
        path = self.folder / f"{'-'.join(names)}.pem"
        path.write_text("".join((self.folder / f"{name}.crt").read_text() for name in names))
        return path


def clock(certificates):
    """An authority of time stamps on loopback; its URL."""
    folder = certificates.folder
    (folder / "ts.cnf").write_text(
        "[tsa]\ndefault_tsa=t\n[t]\nserial=./serial\ncrypto_device=builtin\nsigner_cert=./clock.crt\ncerts=./clock-root.crt\n"
        "signer_key=./clock.key\nsigner_digest=sha256\ndefault_policy=1.2.3.4.1\ndigests=sha256,sha384,sha512\naccuracy=secs:1\n"
        "ess_cert_id_chain=no\ness_cert_id_alg=sha256\n")

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            (folder / "query").write_bytes(self.rfile.read(int(self.headers["Content-Length"])))
            openssl("ts", "-reply", "-config", "ts.cnf", "-queryfile", "query", "-out", "answer", cwd=folder)
            answer = (folder / "answer").read_bytes()
            self.send_response(200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


class Peers(Compare):
    """Both programs, with one folder of trust."""

    def __init__(self, programs, folder, store):
        super().__init__(programs, folder)
        self.store, self.trust = store, Path(folder, "trust")
        self.trust.mkdir()
        self.environment["NOTATION_CONFIG"] = str(self.trust)

    def image(self, name):
        made = self.store.image(name, "v1", name)
        return f"{self.store.address}/{name}@{made['digest']}"

    def keys(self, certificates, names):
        keys = [{"name": name, "keyPath": str(certificates.folder / f"{key}.key"), "certPath": str(chain)} for name, key, chain in names]
        (self.trust / "signingkeys.json").write_text(json.dumps({"default": names[0][0], "keys": keys}))

    def add(self, kind, name, certificate):
        folder = self.trust / "truststore/x509" / kind / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / certificate.name).write_bytes(certificate.read_bytes())

    def policy(self, verification, stores=("ca:acme",), identities=(WHO,), scopes=("*",), **more):
        if isinstance(verification, str):
            verification = {"level": verification}
        statement = {"name": "a", "registryScopes": list(scopes), "signatureVerification": verification,
                     "trustStores": list(stores), "trustedIdentities": list(identities), **more}
        (self.trust / "trustpolicy.json").write_text(json.dumps({"version": "1.0", "trustPolicies": [statement]}))

    def sign(self, name, key, *more):
        status, _, said = self.run("notation", "sign", "--insecure-registry", "--key", key, *more, name)
        if status:
            raise SystemExit(f"notation does not sign with {key}: {said}")

    def ask(self, what, expected, *words):
        """The same line to both: the same status, which is this, and where that is 0 the same output."""
        line = [words[0], "--insecure-registry", *words[1:]]
        mine, theirs = self.run("ours", *line), self.run("notation", *line)
        said = f"{mine[2]}\n  {theirs[2]}"
        self.same(f"{what} ({' '.join(words)})", self.answer(words, mine), self.answer(words, theirs), said)
        self.same(f"{what}, as expected", mine[0], expected, said)
        return mine

    @staticmethod
    def answer(words, answer):
        status, out, _ = answer
        if status:
            return status
        if "json" in words:
            shown = json.loads(out)
            for one in shown["Signatures"]:
                # What is in a stamp is not shown here, only that there is one.
                if "timestampSignature" in one["unsignedAttributes"]:
                    one["unsignedAttributes"]["timestampSignature"] = "…"
            return status, shown
        if words[0] == "inspect":
            # Go's maps have no order, and what is last has another branch.
            return status, sorted(line.strip("│├└─ ") for line in out.splitlines())
        return status, out

    def unread(self, what, *words):
        """What the real one reads and this one does not, and says so."""
        line = [words[0], "--insecure-registry", *words[1:]]
        mine, theirs = self.run("ours", *line), self.run("notation", *line)
        self.same(what, (mine[0], "unsupported" in mine[2], theirs[0]), (1, True, 0), f"{mine[2]}\n  {theirs[2]}")


def signatures(peers, certificates):
    for kind in KEYS:
        name = peers.image(f"by/{kind}")
        peers.sign(name, kind, "-m", "build=7")
        peers.policy("strict")
        if kind == "p521":
            peers.unread("ES512", "verify", name)
            continue
        by_tag = name.split("@")[0] + ":v1"
        peers.ask(kind, 0, "verify", name)
        peers.ask(f"{kind} by tag", 0, "verify", by_tag)
        peers.ask(f"{kind} and metadata", 0, "verify", "-m", "build=7", name)
        peers.ask(f"{kind} and other metadata", 1, "verify", "-m", "build=8", name)
        peers.ask(f"{kind} listed", 0, "list", name)
        peers.ask(f"{kind} listed by tag", 0, "ls", by_tag)
        peers.ask(f"{kind} shown", 0, "inspect", name)
        peers.ask(f"{kind} shown as JSON", 0, "inspect", "--output", "json", name)
    name = peers.image("by/cose")
    peers.sign(name, "p256", "--signature-format", "cose")
    peers.unread("COSE", "verify", name)
    peers.ask("COSE listed", 0, "list", name)
    peers.sign(name, "p256")
    peers.ask("COSE and JWS", 0, "verify", name)
    peers.ask("two listed", 0, "list", name)
    name = peers.image("by/test")
    peers.sign(name, "selfsigned")
    peers.policy("strict", stores=["ca:self"])
    peers.ask("a certificate that issued itself", 0, "verify", name)


def policies(peers, certificates):
    name, unsigned = peers.image("policy/app"), peers.image("policy/unsigned")
    peers.sign(name, "p256")
    peers.policy("strict")
    peers.ask("unsigned", 1, "verify", unsigned)
    peers.ask("unsigned, listed", 0, "list", unsigned)
    peers.ask("unsigned, shown", 0, "inspect", unsigned)
    peers.ask("no such image", 1, "verify", f"{peers.store.address}/policy/app:none")
    peers.ask("a name without a tag", 1, "verify", f"{peers.store.address}/policy/app")
    scope = name.split("@")[0]
    for what, expected, verification, more in [
        ("permissive", 0, "permissive", {}),
        ("audit", 0, "audit", {}),
        ("skip", 0, "skip", {"scopes": [scope], "stores": [], "identities": []}),
        ("its own scope", 0, "strict", {"scopes": [scope]}),
        ("another scope", 1, "strict", {"scopes": ["example.com/other"]}),
        ("everybody", 0, "strict", {"identities": ["*"]}),
        ("more of the name", 0, "strict", {"identities": ["x509.subject: O=acme, CN=p256, C=US, S=WA"]}),
        ("another name", 1, "strict", {"identities": ["x509.subject: C=US, ST=WA, O=other"]}),
        ("another name, audited", 0, "audit", {"identities": ["x509.subject: C=US, ST=WA, O=other"]}),
        ("too little of a name", 1, "strict", {"identities": ["x509.subject: C=US, O=acme"]}),
        ("overlapping names", 1, "strict", {"identities": [WHO, WHO + ", CN=p256"]}),
        ("another store", 1, "strict", {"stores": ["ca:other"]}),
        ("another store, audited", 0, "audit", {"stores": ["ca:other"]}),
        ("a store that is not there", 1, "strict", {"stores": ["ca:gone"]}),
        ("a store of another kind", 1, "strict", {"stores": ["signingAuthority:acme"]}),
        ("two stores", 0, "strict", {"stores": ["ca:other", "ca:acme"]}),
        ("no level", 1, {}, {}),
        ("an unknown level", 1, "paranoid", {}),
        ("a level that is overridden", 0, {"level": "strict", "override": {"authenticTimestamp": "log", "revocation": "skip"}}, {}),
        ("integrity overridden", 1, {"level": "strict", "override": {"integrity": "log"}}, {}),
        ("expiry skipped", 1, {"level": "strict", "override": {"expiry": "skip"}}, {}),
        ("no stores", 1, "strict", {"stores": []}),
        ("no identities", 1, "strict", {"identities": []}),
        ("two scopes", 0, "strict", {"scopes": ["example.com/a", scope]}),
        ("all and one more", 1, "strict", {"scopes": ["*", scope]}),
    ]:
        peers.policy(verification, **more)
        peers.ask(what, expected, "verify", name)
    peers.policy("strict")
    shown = [peers.run(who, "policy", "show") for who in ("ours", "notation")]
    peers.same("policy show", shown[0], shown[1])
    (peers.trust / "trustpolicy.json").unlink()
    peers.ask("no policy", 1, "verify", name)
    peers.policy("strict")


def moved(peers):
    """Envelopes put beside an image by whoever can write there: of another image, changed, broken."""
    peers.policy("strict")
    name = peers.image("moved/from")
    peers.sign(name, "p256")
    repository, digest = "moved/from", name.split("@")[1]
    index = peers.store.get(repository, digest.replace(":", "-"))
    manifest = peers.store.get(repository, index["manifests"][0]["digest"])
    _, envelope = peers.store.request("GET", f"/v2/{repository}/blobs/{manifest['layers'][0]['digest']}")
    good = json.loads(envelope)
    flipped = good["signature"][1:] + good["signature"][:1]
    changes = {
        "of another image": good,
        "with another signature": good | {"signature": flipped},
        "with another payload": good | {"payload": good["payload"][:-2] + "AA"},
        "with half a chain": good | {"header": good["header"] | {"x5c": good["header"]["x5c"][:1]}},
        "with no chain": good | {"header": {}},
        "that is none": {},
    }
    for number, (what, envelope) in enumerate(changes.items()):
        repository = f"moved/to-{number}"
        image = peers.store.image(repository, "v1", "other" if envelope is good else "moved/from")
        layer = peers.store.blob(repository, json.dumps(envelope).encode())
        config = peers.store.blob(repository, b"{}")
        refers = {"schemaVersion": 2, "mediaType": MANIFEST, "config": {"mediaType": SIGNATURE, **config},
                  "layers": [{"mediaType": "application/jose+json", **layer}], "subject": image}
        tag = image["digest"].replace(":", "-")
        entry = peers.store.manifest(repository, "refers", refers)
        peers.store.manifest(repository, tag, {"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry | {"artifactType": SIGNATURE}]})
        there = f"{peers.store.address}/{repository}@{image['digest']}"
        peers.ask(f"an envelope {what}", 1, "verify", there)
        peers.policy("audit")
        peers.ask(f"an envelope {what}, audited", 1, "verify", there)
        peers.policy("strict")
        peers.ask(f"an envelope {what}, listed", 0, "list", there)


def times(peers, url, certificates):
    name = peers.image("time/expired")
    peers.sign(name, "p256", "--expiry", "1s")
    time.sleep(2)
    for level, expected in [("strict", 1), ("permissive", 0), ("audit", 0)]:
        peers.policy(level)
        peers.ask(f"expired, {level}", expected, "verify", name)
    name, plain = peers.image("time/stamped"), peers.image("time/plain")
    peers.sign(name, "p384", "--timestamp-url", url, "--timestamp-root-cert", str(certificates.folder / "clock-root.crt"))
    peers.sign(plain, "p384")
    for what, expected, verification, stores in [
        ("a stamp that nobody asks for", 0, "strict", ["ca:acme"]),
        ("a stamp", 0, "strict", ["ca:acme", "tsa:clock"]),
        ("a stamp of somebody else", 1, "strict", ["ca:acme", "tsa:other"]),
        ("a stamp of somebody else, told", 0, "permissive", ["ca:acme", "tsa:other"]),
        ("a stamp where one is needed", 0, {"level": "strict", "verifyTimestamp": "afterCertExpiry"}, ["ca:acme", "tsa:other"]),
    ]:
        peers.policy(verification, stores=stores)
        peers.ask(what, expected, "verify", name)
    peers.ask("a stamp, as JSON", 0, "inspect", "--output", "json", name)
    peers.policy("strict", stores=["ca:acme", "tsa:clock"])
    peers.ask("no stamp", 1, "verify", plain)
    name = peers.image("time/revocable")
    peers.sign(name, "revocable")
    for what, expected, verification in [
        ("revocation that nobody can tell", 1, "strict"),
        ("the same, told", 0, "permissive"),
        ("the same, skipped", 0, {"level": "strict", "override": {"revocation": "skip"}}),
    ]:
        peers.policy(verification)
        peers.ask(what, expected, "verify", name)


def main():
    ours, real = (str(Path(argument).resolve()) for argument in sys.argv[1:3])
    with tempfile.TemporaryDirectory() as scratch:
        certificates = Certificates(Path(scratch, "certificates"))
        certificates.make("root", "p256", "/C=US/O=acme/CN=root", AUTHORITY)
        certificates.make("middle", "p256", "/C=US/O=acme/CN=middle", AUTHORITY, "root")
        certificates.make("other-root", "p256", "/C=US/O=other/CN=root", AUTHORITY)
        certificates.make("selfsigned", "rsa2048", "/C=US/ST=WA/O=acme/CN=self", LEAF)
        certificates.make("clock-root", "rsa2048", "/C=US/O=acme/CN=clock root", AUTHORITY)
        certificates.make("clock", "rsa2048", "/C=US/O=acme/CN=clock", CLOCK, "clock-root")
        names = [("selfsigned", "selfsigned", certificates.chain("selfsigned"))]
        for kind in KEYS:
            certificates.make(kind, kind, f"/C=US/ST=WA/O=acme/CN={kind}", LEAF, "middle")
            names.append((kind, kind, certificates.chain(kind, "middle", "root")))
        # Nothing listens there.
        certificates.make("revocable", "p256", "/C=US/ST=WA/O=acme/CN=revocable", LEAF + "crlDistributionPoints=URI:http://127.0.0.1:9/crl\n", "middle")
        names.append(("revocable", "revocable", certificates.chain("revocable", "middle", "root")))
        store = docker_registry(scratch)
        try:
            peers = Peers({"ours": [ours, "notation"], "notation": [real]}, scratch, store)
            peers.keys(certificates, names)
            peers.add("ca", "acme", certificates.folder / "root.crt")
            peers.add("signingAuthority", "acme", certificates.folder / "root.crt")
            peers.add("ca", "other", certificates.folder / "other-root.crt")
            peers.add("ca", "self", certificates.folder / "selfsigned.crt")
            peers.add("tsa", "clock", certificates.folder / "clock-root.crt")
            peers.add("tsa", "other", certificates.folder / "other-root.crt")
            signatures(peers, certificates)
            policies(peers, certificates)
            moved(peers)
            times(peers, clock(certificates), certificates)
        finally:
            store.stop()
        print(f"say: {peers.asked} answers compared with notation, {peers.differ} differ")
        sys.exit(1 if peers.differ else 0)


if __name__ == "__main__":
    main()
