#!/usr/bin/env python3
"""Holds keyless signing of `plimsoll cosign` against the real cosign: each verifies what the other signs with certificates, logs and
timestamps of an offline world on loopback, and refuses it for another identity.
Usage: scripts/peers/cosign-keyless.py PLIMSOLL FOLDER OFFLINE_WORLD [VERSION…], where FOLDER is that of scripts/peers/build-cosign.sh
(cosign-v3, cosign-v2, registry), and OFFLINE_WORLD the example of plimsoll-trust, which serves.

Nothing asks a host but these. The classic form has Rekor's first version alone: it keeps no proofs.
"""
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from cosign import Compare, listing_registry  # noqa: E402

EMAIL = "somebody@example.com"
WORKFLOW = "https://github.com/acme/shop/.github/workflows/release.yml@refs/tags/v1"
TOKENS = {"token": EMAIL, "token_workflow": WORKFLOW}
LOGS = {"Rekor 1": "signing_config.json", "Rekor 2": "signing_config_v2.json"}


class World:
    """The services."""

    def __init__(self, program, folder):
        self.folder = Path(folder)
        self.process = subprocess.Popen([program, "serve", folder], stdout=subprocess.DEVNULL)
        place = self.folder / "address"
        for _ in range(200):
            if place.exists():
                break
            time.sleep(0.05)
        self.base = place.read_text()

    def of(self, name):
        return str(self.folder / name)

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def sign(self, config, token):
        return ["--signing-config", self.of(config), "--trusted-root", self.of("trusted_root.json"),
                "--identity-token", self.of(token), "-y"]

    def by_address(self, token):
        """The classic form, by the services' addresses; a key's file of each for the older version."""
        return ["--fulcio-url", self.base, "--rekor-url", self.base, "--oidc-issuer", self.base, "--identity-token", self.of(token),
                "--new-bundle-format=false", "--use-signing-config=false", "-y"]

    def verify(self, name):
        return ["--trusted-root", self.of("trusted_root.json"), "--certificate-identity", name, "--certificate-oidc-issuer", self.base]

    def environment(self):
        return {"SIGSTORE_ROOT_FILE": self.of("fulcio.pem"), "SIGSTORE_REKOR_PUBLIC_KEY": self.of("rekor.pub"),
                "SIGSTORE_CT_LOG_PUBLIC_KEY_FILE": self.of("ctfe.pub")}


def more_of(real, log):
    """What a verification says besides: the older version has to be told of the form, and of whoever vouches for the time."""
    if real != "cosign-v2":
        return []
    return ["--new-bundle-format", *(["--use-signed-timestamps"] if log == "Rekor 2" else [])]


def judged(check, what, verifiers, words, more, name, other, **there):
    """All take it for the one it is of, and for nobody else."""
    for verifier in verifiers:
        status, _, said = check.run(verifier, *words(name), *more, **there)
        check.same(f"{what}, by {verifier}", status, 0, said)
        status, _, said = check.run(verifier, *words(other), *more, **there)
        check.same(f"{what}, by {verifier}, of another", bool(status), True, said)


def blobs(check, world, real):
    Path(check.folder, "blob").write_text("blob")
    for log, config in LOGS.items():
        for token, name in TOKENS.items():
            for who in ("ours", real):
                out = f"{who}-{token}-{config}"
                status, _, said = check.run(who, "sign-blob", *world.sign(config, token), "--bundle", out,
                                            *(["--new-bundle-format"] if real == "cosign-v2" else []), "blob")
                check.same(f"sign-blob by {who}, {log}, {token}", status, 0, said)
                new = more_of(real, log)
                judged(check, f"verify-blob of {who}, {log}, {token}", ("ours", real),
                       lambda name, out=out, new=new: ["verify-blob", *world.verify(name), *new, "--bundle", out], ["blob"],
                       name, "else@example.com")


def keys(check, world, real):
    """With a key, and what services add to its signature."""
    Path(check.folder, "blob").write_text("blob")
    check.same("generate-key-pair", check.run("ours", "generate-key-pair")[0], 0)
    new = ["--new-bundle-format"] if real == "cosign-v2" else []
    for log, config in LOGS.items():
        for who in ("ours", real):
            out = f"key-{who}-{config}"
            words = ["--key", "cosign.key", "--signing-config", world.of(config), "--trusted-root", world.of("trusted_root.json"), "-y"]
            status, _, said = check.run(who, "sign-blob", *words, *new, "--bundle", out, "blob")
            check.same(f"sign-blob with a key by {who}, {log}", status, 0, said)
            for verifier in ("ours", real):
                words = ["verify-blob", "--key", "cosign.pub", "--trusted-root", world.of("trusted_root.json"), *new, "--bundle", out]
                status, _, said = check.run(verifier, *words, "blob")
                check.same(f"verify-blob with a key of {who}, {log}, by {verifier}", status, 0, said)


def images(check, world, real, store):
    for log, config in LOGS.items():
        for who in ("ours", real):
            repository = f"{real}/{who}/{config.split('.')[0]}"
            image = store.image(repository, "v1", log)
            named = f"{store.address}/{repository}@{image['digest']}"
            form = ["--new-bundle-format"] if real == "cosign-v2" else []
            status, _, said = check.run(who, "sign", *world.sign(config, "token_workflow"), *form, named)
            check.same(f"sign by {who}, {log}", status, 0, said)
            new = more_of(real, log)
            judged(check, f"verify of {who}, {log}", ("ours", real),
                   lambda name, new=new: ["verify", *world.verify(name), *new], [named], WORKFLOW, f"{WORKFLOW}.evil")
    for who in ("ours", real):
        repository = f"{real}/{who}/classic"
        image = store.image(repository, "v1", "classic")
        named = f"{store.address}/{repository}@{image['digest']}"
        more = ["--trusted-root", world.of("trusted_root.json")] if who == "ours" or real == "cosign-v3" else []
        status, _, said = check.run(who, "sign", *world.by_address("token"), *more, named, **(world.environment() if not more else {}))
        check.same(f"sign by {who}, classic", status, 0, said)
        judged(check, f"verify of {who}, classic", ("ours", real),
               lambda name: ["verify", *world.verify(name), "--new-bundle-format=false"], [named], EMAIL, "else@example.com")


def attestations(check, world, real, store):
    Path(check.folder, "predicate").write_text('{"bom": "serial"}')
    for log, config in LOGS.items():
        for who in ("ours", real):
            repository = f"{real}/{who}/attested-{config.split('.')[0]}"
            image = store.image(repository, "v1", log)
            named = f"{store.address}/{repository}@{image['digest']}"
            form = ["--new-bundle-format"] if real == "cosign-v2" else []
            status, _, said = check.run(who, "attest", *world.sign(config, "token_workflow"), *form, "--type", "cyclonedx",
                                        "--predicate", "predicate", named)
            check.same(f"attest by {who}, {log}", status, 0, said)
            new = more_of(real, log)
            judged(check, f"verify-attestation of {who}, {log}", ("ours", real),
                   lambda name, new=new: ["verify-attestation", *world.verify(name), *new, "--type", "cyclonedx"], [named],
                   WORKFLOW, f"{WORKFLOW}.evil")
    for key in ([], ["--key", "cosign.key"]):
        for who in ("ours", real):
            repository = f"{real}/{who}/attested-classic-{'key' if key else 'keyless'}"
            image = store.image(repository, "v1", "classic")
            named = f"{store.address}/{repository}@{image['digest']}"
            more = ["--trusted-root", world.of("trusted_root.json")] if who == "ours" or real == "cosign-v3" else []
            words = world.by_address("token")
            if key:
                at = words.index("--identity-token")
                words = words[:at] + words[at + 2:]
            status, _, said = check.run(who, "attest", *words, *key, *more, "--type", "cyclonedx", "--predicate", "predicate", named,
                                        **(world.environment() if not more else {}))
            check.same(f"attest by {who}, classic {key}", status, 0, said)
            if key:
                for verifier in ("ours", real):
                    status, _, said = check.run(verifier, "verify-attestation", "--key", "cosign.pub", "--trusted-root",
                                                world.of("trusted_root.json"), "--new-bundle-format=false", "--type", "cyclonedx", named)
                    check.same(f"verify-attestation of {who}, classic with a key, by {verifier}", status, 0, said)
                continue
            # Of version 2 a trusted root is for bundles alone: a key's file of each service.
            for verifier, rest, there in (("ours", 0, {}), (real, 2, world.environment()) if real == "cosign-v2" else (real, 0, {})):
                judged(check, f"verify-attestation of {who}, classic", (verifier,),
                       lambda name, rest=rest: ["verify-attestation", *world.verify(name)[rest:], "--new-bundle-format=false", "--type",
                                                "cyclonedx"], [named], EMAIL, "else@example.com", **there)


# Words of the real one about an authority that nothing rests on.
UNUSED = {"subject"}


def plain(value):
    """JSON without what says nothing: members that nothing rests on, and those that are empty lists."""
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items() if name not in UNUSED and inner != []}
    return [plain(one) for one in value] if isinstance(value, list) else value


def installation(check, world, real):
    """The files of an installation's services, made by each of their PEM files: the same, and as good at the other."""
    since = "start-time=2025-01-01T00:00:00Z"
    stamps = f"{world.base}/api/v1/timestamp"
    service = f"api-version=1,{since},operator=world"
    root = ["trusted-root", "create", "--fulcio", f"url={world.base},certificate-chain={world.of('fulcio.pem')}",
            "--tsa", f"url={stamps},certificate-chain={world.of('tsa.pem')}",
            "--ctfe", f"url={world.base},public-key={world.of('ctfe.pub')},{since}",
            "--rekor", f"url={world.base},public-key={world.of('rekor.pub')},{since},end-time=2125-01-01T00:00:00Z"]
    config = ["signing-config", "create", "--fulcio", f"url={world.base},{service}", "--oidc-provider", f"url={world.base},{service}",
              "--rekor", f"url={world.base},{service}", "--rekor-config", "ANY", "--tsa", f"url={stamps},{service}", "--tsa-config", "EXACT:1"]
    for words in (root, config, ["signing-config", "create"]):
        made = {}
        for who in ("ours", real):
            status, _, said = check.run(who, *words, "--out", f"{words[0]}-{who}.json")
            check.same(f"{words[0]} create by {who}", status, 0, said)
            made[who] = plain(json.loads(Path(check.folder, f"{words[0]}-{who}.json").read_text()))
            status, out, said = check.run(who, *words)
            check.same(f"{words[0]} create by {who}, to standard output", (status, plain(json.loads(out))), (0, made[who]), said)
        check.same(f"{words[0]} create", made["ours"], made[real])
    for who in ("ours", real):
        check.run(who, *config, "--out", f"signing-config-{who}.json")
    new = ["--new-bundle-format"] if real == "cosign-v2" else []
    Path(check.folder, "blob").write_text("blob")
    # Each signs with the other's files, and each verifies with its own.
    for who, other in [("ours", real), (real, "ours")]:
        words = ["sign-blob", "--signing-config", f"signing-config-{other}.json", "--trusted-root", f"trusted-root-{other}.json",
                 "--identity-token", world.of("token"), "-y", *new, "--bundle", f"installed-{who}.json", "blob"]
        status, _, said = check.run(who, *words)
        check.same(f"sign-blob by {who} with the files of {other}", status, 0, said)
        for verifier in ("ours", real):
            for of in ("ours", real):
                words = ["verify-blob", "--trusted-root", f"trusted-root-{of}.json", "--certificate-identity", EMAIL,
                         "--certificate-oidc-issuer", world.base, *new, "--bundle", f"installed-{who}.json", "blob"]
                status, _, said = check.run(verifier, *words)
                check.same(f"verify-blob of {who} by {verifier} with the root of {of}", status, 0, said)
    # What is wrong is wrong for both.
    for words in (config[:-2], ["trusted-root", "create", "--fulcio", f"url={world.base}"],
                  ["trusted-root", "create", "--rekor", f"url={world.base},public-key={world.of('rekor.pub')},start-time=yesterday"],
                  ["trusted-root", "create", "--fulcio", f"url={world.base},certificate-chain={world.of('rekor.pub')}.none"],
                  ["signing-config", "create", "--tsa-config", "SOME"]):
        check.both("refused", real, words, "fails")


def main():
    ours, folder, world = str(Path(sys.argv[1]).resolve()), Path(sys.argv[2]).resolve(), str(Path(sys.argv[3]).resolve())
    differ = 0
    for real in sys.argv[4:] or ["cosign-v3", "cosign-v2"]:
        if not os.access(folder / real, os.X_OK):
            raise SystemExit(f"{folder / real} is not there: scripts/peers/build-cosign.sh builds it")
        with tempfile.TemporaryDirectory() as scratch, tempfile.TemporaryDirectory() as known:
            check = Compare({"ours": [ours, "cosign"], real: [str(folder / real)]}, scratch)
            services, store = World(world, known), listing_registry(folder / "registry")
            try:
                blobs(check, services, real)
                installation(check, services, real)
                keys(check, services, real)
                images(check, services, real, store)
                attestations(check, services, real, store)
            finally:
                services.stop()
                store.stop()
        print(f"say: keyless: {check.asked} answers compared with {real}, {check.differ} differ")
        differ += check.differ
    sys.exit(1 if differ else 0)


if __name__ == "__main__":
    main()
