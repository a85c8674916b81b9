#!/usr/bin/env python3
"""Holds keys in Vault of `plimsoll cosign` against the real cosign: both make, show and sign with keys of one stand-in of Vault's
transit engine (scripts/peers/vault.py), and each verifies what the other signs, by the key in Vault and by its public half.
Usage: scripts/peers/cosign-kms.py PLIMSOLL FOLDER [VERSION…], where FOLDER is that of scripts/peers/build-cosign.sh (cosign-v3,
cosign-v2, registry).

Nothing asks a host but these. The real one hashes with SHA-256 whatever the key is: it makes no bundle with a key on P-384, and one with
Ed25519 that it does not verify itself. These are held to our own verification alone.
"""
import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from cosign import FORMS, ROOT, SIGN, VERIFY, Compare, listing_registry  # noqa: E402
from vault import Vault  # noqa: E402

KINDS = {"p256": "ecdsa-p256", "p384": "ecdsa-p384", "ed25519": "ed25519", "rsa": "rsa-2048"}
# What both sign and verify alike.
ALIKE = ("p256", "rsa")


def keys(check, vault, real):
    """Made and shown: the same output, the same file."""
    folder, there = Path(check.folder), vault.environment()
    for who in ("ours", real):
        words = ["generate-key-pair", "--kms", f"hashivault://made-{who}", "--output-key-prefix", f"made-{who}"]
        status, out, said = check.run(who, *words, **there)
        check.same(f"generate-key-pair --kms by {who}", (status, out, said), (0, "", f"Public key written to made-{who}.pub\n"))
        check.same(f"the public half by {who}", (folder / f"made-{who}.pub").read_text(), vault.public_pem(f"made-{who}"))
    for name in KINDS:
        status, out, _ = check.both(f"public-key of {name}", real, ["public-key", "--key", f"hashivault://{name}"], **there)
        check.same(f"the public half of {name}", (status, out), (0, vault.public_pem(name)))
        (folder / f"{name}.pub").write_text(vault.public_pem(name))
    for words, environment in [
        (["public-key", "--key", "hashivault://nowhere"], there),
        (["public-key", "--key", "hashivault://../sys"], there),
        (["public-key", "--key", "hashivault://p256"], {**there, "VAULT_TOKEN": "another"}),
        (["public-key", "--key", "hashivault://p256"], {"VAULT_TOKEN": there["VAULT_TOKEN"]}),
        (["public-key", "--key", "hashivault://p256"], {"VAULT_ADDR": there["VAULT_ADDR"]}),
        (["sign-blob", *SIGN, "--bundle", "x", "--key", "hashivault://nowhere", "blob"], there),
    ]:
        check.both("what is not to be had", real, words, **environment)


def judged(check, what, verifiers, words, keys, name, **there):
    """Each takes it by each of these keys, and by no other."""
    for verifier in verifiers:
        for key in keys:
            status, _, said = check.run(verifier, *words, "--key", key, name, **there)
            check.same(f"{what}, by {verifier} with {key}", status, 0, said)
        status, _, said = check.run(verifier, *words, "--key", "made-ours.pub", name, **there)
        check.same(f"{what}, by {verifier} with another key", bool(status), True, said)


def blobs(check, vault, real):
    there = vault.environment()
    trusted = ["--trusted-root", str(ROOT)]
    for name in KINDS:
        for who in ("ours", real) if name in ALIKE else ("ours",):
            for form, made, given in [("false", "--output-signature", "--signature"), ("true", "--bundle", "--bundle")]:
                out = f"{name}-{who}-{form}.out"
                words = ["sign-blob", *SIGN, f"--new-bundle-format={form}", made, out, "--key", f"hashivault://{name}", "blob"]
                status, shown, said = check.run(who, *words, **there)
                # Version 2 shows the signature beside the bundle.
                expected = "" if who != "cosign-v2" or form == "false" else shown.strip() and shown
                check.same(f"sign-blob by {who} with {name}, {made}", (status, shown), (0, expected), said)
                words = ["verify-blob", *VERIFY, f"--new-bundle-format={form}", given, out, *(trusted if form == "true" else [])]
                verifiers = ("ours", real) if name in ALIKE else ("ours",)
                judged(check, f"verify-blob of {who} with {name}, {given}", verifiers, words,
                       [f"hashivault://{name}", f"{name}.pub"], "blob", **there)
    # Standard output is the signature: of RSA the same bytes.
    check.both("a bare signature by RSA", real, ["sign-blob", *SIGN, "--new-bundle-format=false", "--key", "hashivault://rsa", "blob"], **there)


def images(check, vault, real, store):
    there = vault.environment()
    Path(check.folder, "predicate").write_text('{"bom": "serial"}')
    for form, flags in FORMS.items():
        for who in ("ours", real):
            for name in ALIKE:
                repository = f"{form}/{real}/{who}/{name}"
                image = store.image(repository, "v1", f"{form} {who}")
                named, key = f"{store.address}/{repository}@{image['digest']}", f"hashivault://{name}"
                status, out, said = check.run(who, "sign", *SIGN, *flags, "--key", key, named, **there)
                check.same(f"sign by {who} with {name}, {form}", (status, out), (0, ""), said)
                trusted = ["--trusted-root", str(ROOT)] if form == "bundle" else []
                asked = ["verify", *VERIFY, *flags, *trusted]
                judged(check, f"verify of {who} with {name}, {form}", ("ours", real), asked, [key, f"{name}.pub"], named, **there)
                if real != "cosign-v2" or form == "classic":
                    check.both(f"verify of {who} with {name}, {form}", real, [*asked, "--key", key, named], **there)
                words = ["attest", *SIGN, *flags, "--key", key, "--type", "cyclonedx", "--predicate", "predicate", named]
                status, out, said = check.run(who, *words, **there)
                check.same(f"attest by {who} with {name}, {form}", (status, out), (0, ""), said)
                judged(check, f"verify-attestation of {who} with {name}, {form}", ("ours", real),
                       ["verify-attestation", *VERIFY, *flags, *trusted, "--type", "cyclonedx"], [key, f"{name}.pub"], named, **there)


def main():
    ours, folder = str(Path(sys.argv[1]).resolve()), Path(sys.argv[2]).resolve()
    differ = 0
    for real in sys.argv[3:] or ["cosign-v3", "cosign-v2"]:
        if not os.access(folder / real, os.X_OK):
            raise SystemExit(f"{folder / real} is not there: scripts/peers/build-cosign.sh builds it")
        with tempfile.TemporaryDirectory() as scratch, tempfile.TemporaryDirectory() as kept:
            check = Compare({"ours": [ours, "cosign"], real: [str(folder / real)]}, scratch)
            vault, store = Vault(kept), listing_registry(folder / "registry")
            Path(scratch, "blob").write_text("blob")
            try:
                for name, kind in KINDS.items():
                    vault.make(name, kind)
                keys(check, vault, real)
                blobs(check, vault, real)
                images(check, vault, real, store)
            finally:
                vault.stop()
                store.stop()
        print(f"say: keys in Vault: {check.asked} answers compared with {real}, {check.differ} differ")
        differ += check.differ
    sys.exit(1 if differ else 0)


if __name__ == "__main__":
    main()
