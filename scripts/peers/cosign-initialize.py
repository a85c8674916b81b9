#!/usr/bin/env python3
"""Holds `plimsoll cosign initialize` against the real cosign: both ask the same mirrors below the offline world's services, good ones
and wrong ones, and end with the same status; afterwards each verifies the same keyless signature with what either of them keeps.
Usage: scripts/peers/cosign-initialize.py PLIMSOLL FOLDER OFFLINE_WORLD, where FOLDER is that of scripts/peers/build-cosign.sh (cosign-v3),
and OFFLINE_WORLD the example of plimsoll-trust, which serves. Wrong mirrors are made from what is served, with keys of their own by
`tuf` and `securesystemslib` of PyPI, which sigstore brings: without them that part is refused, not passed by.

Nothing asks a host but these.
"""
import copy
import functools
import http.server
import json
import os
import sys
import tempfile
import threading
from datetime import datetime, timedelta, timezone
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from cosign import Compare  # noqa: E402
from importlib import import_module  # noqa: E402

from securesystemslib.signer import CryptoSigner  # noqa: E402
from tuf.api.metadata import (  # noqa: E402
    MetaFile, Metadata, Root, Snapshot, TargetFile, Targets, Timestamp,
)
from tuf.api.serialization.json import JSONSerializer  # noqa: E402

World = import_module("cosign-keyless").World
EMAIL = "somebody@example.com"
REAL = "cosign-v3"


class Repository:
    """One that python-tuf makes: two root keys of a threshold of two, one key for all else."""

    def __init__(self, files):
        later = datetime.now(timezone.utc).replace(microsecond=0) + timedelta(days=30)
        self.roots = [CryptoSigner.generate_ecdsa() for _ in range(2)]
        self.online = CryptoSigner.generate_ed25519()
        self.root, self.targets = Root(expires=later, consistent_snapshot=True), Targets(expires=later)
        self.snapshot, self.timestamp = Snapshot(expires=later), Timestamp(expires=later)
        for signer in self.roots:
            self.root.add_key(signer.public_key, "root")
        self.root.roles["root"].threshold = 2
        for role in ("timestamp", "snapshot", "targets"):
            self.root.add_key(self.online.public_key, role)
        self.files = files
        self.served = {}
        for name, content in files.items():
            self.publish_file(name, content)
        self.publish_root()
        self.publish()

    def publish_file(self, name, content):
        target = TargetFile.from_data(name, content, ["sha256"])
        self.targets.targets[name] = target
        self.served[f"targets/{target.hashes['sha256']}.{name}"] = content

    def signed(self, what, signers):
        metadata = Metadata(copy.deepcopy(what))
        for signer in signers:
            metadata.sign(signer, append=True)
        return metadata.to_bytes(JSONSerializer(compact=True))

    def publish_root(self, signers=None):
        self.served[f"{self.root.version}.root.json"] = self.signed(self.root, signers or self.roots)

    def publish(self, signers=None):
        signers = signers or [self.online]
        targets = self.signed(self.targets, signers)
        self.snapshot.meta["targets.json"] = MetaFile.from_data(self.targets.version, targets, ["sha256"])
        snapshot = self.signed(self.snapshot, signers)
        self.timestamp.snapshot_meta = MetaFile.from_data(self.snapshot.version, snapshot, ["sha256"])
        self.served[f"{self.targets.version}.targets.json"] = targets
        self.served[f"{self.snapshot.version}.snapshot.json"] = snapshot
        self.served["timestamp.json"] = self.signed(self.timestamp, signers)

    def next(self):
        for one in (self.targets, self.snapshot, self.timestamp):
            one.version += 1

    def write(self, folder):
        for path, content in self.served.items():
            place = Path(folder, path)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)


def wrong(files):
    """Repositories by what is the matter with each, and who takes it all the same."""
    made = {}

    def case(name, change, taken=()):
        repository = Repository(dict(files))
        change(repository)
        made[name] = (repository, repository.served["1.root.json"], taken)

    def over(role):
        def change(repository):
            getattr(repository, role).expires = datetime(2020, 1, 1, tzinfo=timezone.utc)
            repository.publish_root()
            repository.publish()
        return change

    case("good", lambda repository: None, taken=("ours", REAL))

    def rotated(repository):
        old, repository.roots = repository.roots, [CryptoSigner.generate_ecdsa() for _ in range(2)]
        for signer in old:
            repository.root.revoke_key(signer.public_key.keyid, "root")
        for signer in repository.roots:
            repository.root.add_key(signer.public_key, "root")
        repository.root.version += 1
        repository.publish_root(old + repository.roots)
    case("root rotated", rotated, taken=("ours", REAL))

    def usurped(repository):
        repository.roots = [CryptoSigner.generate_ecdsa() for _ in range(2)]
        for signer in repository.roots:
            repository.root.add_key(signer.public_key, "root")
        repository.root.version += 1
        repository.publish_root()
    case("root by others", usurped)

    def below(repository):
        repository.root.version += 1
        repository.publish_root(repository.roots[:1])
    case("root below its threshold", below)

    def skipping(repository):
        repository.root.version += 2
        repository.served["2.root.json"] = repository.signed(repository.root, repository.roots)
    case("root of another version", skipping)
    for role in ("root", "timestamp", "snapshot", "targets"):
        case(f"{role} is over", over(role))

    case("timestamp by others", lambda repository: repository.publish([CryptoSigner.generate_ed25519()]))

    def mixed(repository):
        old = dict(repository.served)
        repository.next()
        repository.publish()
        repository.served["2.snapshot.json"] = old["1.snapshot.json"]
    case("mixed", mixed)

    def other(repository):
        for path in repository.served:
            if path.startswith("targets/") and path.endswith("trusted_root.json"):
                repository.served[path] = b"{}"
    case("another file than is signed", other)

    def endless(repository):
        repository.served["timestamp.json"] = b" " * (1 << 20)
    case("endless timestamp", endless)
    return made


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *_):
        # Whoever has read enough of something endless goes away.
        pass


def serve(folder):
    server = Server(("127.0.0.1", 0), functools.partial(Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, f"http://127.0.0.1:{server.server_address[1]}"


def files(folder):
    """What is kept, by path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(Path(folder).rglob("*")) if path.is_file()}


def initialize(check, who, place, mirror, root):
    # Each has a home of its own: nothing of anybody's is touched.
    return check.run(who, "initialize", "--mirror", mirror, "--root", root, TUF_ROOT=str(place), HOME=str(place))


def verified(check, what, world, places):
    """Each verifies with what each keeps."""
    words = ["verify-blob", "--bundle", "bundle", "--certificate-oidc-issuer", world.base]
    for keeper, place in places.items():
        for verifier in ("ours", REAL):
            for name, good in ((EMAIL, True), ("else@example.com", False)):
                status, _, said = check.run(verifier, *words, "--certificate-identity", name, "blob", TUF_ROOT=str(place), HOME=str(place))
                check.same(f"{what}: verify-blob by {verifier} with what {keeper} keeps, {name}", status == 0, good, said)


def main():
    ours, folder, program = str(Path(sys.argv[1]).resolve()), Path(sys.argv[2]).resolve(), str(Path(sys.argv[3]).resolve())
    if not os.access(folder / REAL, os.X_OK):
        raise SystemExit(f"{folder / REAL} is not there: scripts/peers/build-cosign.sh builds it")
    with tempfile.TemporaryDirectory() as scratch, tempfile.TemporaryDirectory() as known, tempfile.TemporaryDirectory() as mirrors:
        check = Compare({"ours": [ours, "cosign"], REAL: [str(folder / REAL)]}, scratch)
        world = World(program, known)
        server, address = serve(mirrors)
        try:
            Path(check.folder, "blob").write_text("blob")
            status, _, said = check.run("ours", "sign-blob", *world.sign("signing_config.json", "token"), "--bundle", "bundle", "blob")
            check.same("sign-blob", status, 0, said)
            # The world's own mirror, which our own maker makes.
            places = {who: Path(scratch, f"kept-{who}") for who in ("ours", REAL)}
            for who, place in places.items():
                status, out, said = initialize(check, who, place, f"{world.base}/tuf", world.of("tuf_root.json"))
                check.same(f"initialize by {who}", (status, out), (0, ""), said)
            kept = {who: files(place) for who, place in places.items()}
            for path, content in kept["ours"].items():
                check.same(f"what is kept: {path}", kept[REAL].get(path), content)
            verified(check, "our maker's", world, places)

            read = {"trusted_root.json": Path(world.of("trusted_root.json")).read_bytes(),
                    "signing_config.v0.2.json": Path(world.of("signing_config.json")).read_bytes()}
            for at, (name, (repository, first, taken)) in enumerate(wrong(read).items()):
                repository.write(Path(mirrors, str(at)))
                root = Path(scratch, f"root-{at}.json")
                root.write_bytes(first)
                places = {who: Path(scratch, f"kept-{at}-{who}") for who in ("ours", REAL)}
                for who, place in places.items():
                    status, _, said = initialize(check, who, place, f"{address}/{at}", str(root))
                    check.same(f"{name}: initialize by {who}", status, 0 if who in taken else 1, said)
                check.same(f"{name}: something is kept by ours", bool(files(places["ours"])), "ours" in taken)
                if "ours" in taken:
                    verified(check, name, world, places)
        finally:
            server.shutdown()
            world.stop()
    print(f"say: initialize: {check.asked} answers compared with {REAL}, {check.differ} differ")
    sys.exit(1 if check.differ else 0)


if __name__ == "__main__":
    main()
