"""The part of scripts/peers/cosign.py about attestations: of every type, in both forms, of images and of files, each side's by the other.
It is no program by itself."""
import json
from pathlib import Path

from cosign import FORMS, ROOT, SIGN, VERIFY

LINK = {"_type": "link", "name": "build", "materials": {}, "products": {}, "byproducts": {}, "command": ["make"], "environment": {}}
# A type, its predicate, and whether all of it comes back as it was given.
PREDICATES = {
    "custom": "whatever",
    "slsaprovenance": {"builder": {"id": "https://example.com/builder"}, "buildType": "https://example.com/type"},
    "slsaprovenance02": {"builder": {"id": "https://example.com/other"}, "buildType": "https://example.com/type"},
    "slsaprovenance1": {"buildDefinition": {"buildType": "https://example.com/type", "externalParameters": {"a": "b"}},
                        "runDetails": {"builder": {"id": "https://example.com/builder"}}},
    "link": LINK,
    "spdx": "SPDXVersion: SPDX-2.3\nDataLicense: CC0-1.0\n",
    "spdxjson": {"spdxVersion": "SPDX-2.3", "name": "app", "packages": []},
    "cyclonedx": {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": []},
    "vuln": {"invocation": {"parameters": None, "uri": "", "event_id": "", "builder.id": ""},
             "scanner": {"uri": "https://example.com/s", "version": "1", "db": {"uri": "", "version": ""}, "result": {"findings": []}},
             "metadata": {"scanStartedOn": "2026-01-02T03:04:05Z", "scanFinishedOn": "2026-01-02T03:04:06Z"}},
    "openvex": {"@context": "https://openvex.dev/ns/v0.2.0", "statements": []},
    "https://example.com/predicate/v1": {"ok": True, "list": ["a", {"b": None}]},
}
# Predicates that are texts Cosign signs and in these forms does not verify itself.
OWN_NOT_VERIFIED = [("spdx", "cosign-v3", "classic"), ("spdx", "cosign-v3", "bundle"), ("spdx", "cosign-v2", "bundle")]
FEW = ["custom", "cyclonedx", "https://example.com/predicate/v1"]
ALLOWS = 'package signature\nallow { input.predicate.bomFormat == "CycloneDX" }\n'
DENIES = 'package signature\nallow { input.predicate.bomFormat == "other" }\n'


def write(check):
    folder = Path(check.folder)
    for number, predicate in enumerate(PREDICATES.values()):
        text = predicate if isinstance(predicate, str) else json.dumps(predicate)
        (folder / f"predicate-{number}").write_text(text)
    (folder / "allows.rego").write_text(ALLOWS)
    (folder / "denies.rego").write_text(DENIES)
    (folder / "allows.txt").write_text(ALLOWS)


def predicate(kind):
    return ["--type", kind, "--predicate", f"predicate-{list(PREDICATES).index(kind)}"]


def lines(answer):
    """The attestations of an answer, in whatever order and however their members stand."""
    status, out, _ = answer
    parsed = [json.loads(line) for line in out.split("\n") if line]
    for one in parsed:
        for signature in one["signatures"]:
            if not signature.get("keyid"):
                signature.pop("keyid", None)
    return status, sorted(json.dumps(one, sort_keys=True) for one in parsed)


def of_images(check, real, store, form, kinds):
    old = (real, form) == ("cosign-v2", "bundle")
    flags = FORMS[form]
    asked = ["verify-attestation", *VERIFY, *flags, *(["--trusted-root", str(ROOT)] if old else [])]
    repository = f"attested/{form}/{real}/app"
    image, other = store.image(repository, "v1", "one"), store.image(repository, "v2", "two")
    name = f"{store.address}/{repository}@{image['digest']}"
    what = f"{store.name}: {form} attestation"

    def both(words, said, whole=True):
        """The same question to both: the same answer, and its status."""
        mine, theirs = check.run("ours", *words), check.run(real, *words)
        of = lines if whole else lambda answer: bool(answer[0])
        check.same(f"{what} {said} ({' '.join(words)})", of(mine), of(theirs), f"{mine[2]}\n  {theirs[2]}")
        return theirs[0]

    def asking(who, kind, image=name, *more):
        return [*asked, "--key", f"key-{who}.pub", "--type", kind, *more, image]

    both(asking("ours", "custom"), "of nothing")
    for kind in kinds:
        for who in ("ours", real):
            status, _, said = check.run(who, "attest", *SIGN, *flags, "--key", f"key-{who}.key", *predicate(kind), name)
            check.same(f"{what} {kind} by {who}", status, 0, said)
    for kind in kinds:
        for who in ("ours", real):
            check.same(f"{what} {kind} of {who} verifies", both(asking(who, kind), f"{kind} of {who}"), 0)
    both(asking("ours", "vuln" if kinds == FEW else "https://example.com/no"), "of another type")
    both([*asked, "--key", "p256-ours.pub", "--type", "cyclonedx", name], "of another key")
    both(asking("ours", "cyclonedx", f"{store.address}/{repository}:v1"), "by tag")
    both(asking("ours", "cyclonedx", f"{store.address}/{repository}:v2"), "of the other image")
    both(asking("ours", "cyclonedx", f"{store.address}/{repository}:none"), "of no image")
    both(["verify-attestation", *flags, "--type", "cyclonedx", name], "without a signer")
    both(["verify-attestation", *flags, "--key", "key-ours.pub", "--type", "cyclonedx", name], "without the log", whole=False)
    for policy in ("allows.rego", "denies.rego", "allows.txt", "nowhere.rego"):
        for who in ("ours", real):
            status = both(asking(who, "cyclonedx", name, "--policy", policy), f"under {policy}")
            check.same(f"{what} under {policy}", bool(status), policy != "allows.rego")
    if form == "classic":
        # What is attested of one image, put beside another by whoever can write there.
        moved = store.get(repository, image["digest"].replace(":", "-") + ".att")
        store.manifest(repository, other["digest"].replace(":", "-") + ".att", moved)
        there = f"{store.address}/{repository}:v2"
        check.same(f"{what} moved", both(asking("ours", "cyclonedx", there), "moved"), 1)
        check.same(f"{what} moved", both(asking("ours", "cyclonedx", there, "--check-claims=false"), "moved, and no matter"), 0)
        for who in ("ours", real):
            replaced = store.image(f"{repository}-{who}", "v1", "replaced")
            named = f"{store.address}/{repository}-{who}@{replaced['digest']}"
            for kind, more in [("cyclonedx", []), ("custom", []), ("cyclonedx", ["--replace"])]:
                check.run(who, "attest", *SIGN, *flags, *more, "--key", f"key-{who}.key", *predicate(kind), named)
            layers = store.get(f"{repository}-{who}", replaced["digest"].replace(":", "-") + ".att")["layers"]
            kinds_there = sorted(layer["annotations"]["predicateType"] for layer in layers)
            check.same(f"{what} replaced by {who}", kinds_there,
                       ["https://cosign.sigstore.dev/attestation/v1", "https://cyclonedx.org/bom"])
            check.same(f"{what} media type of {who}", {layer["mediaType"] for layer in layers},
                       {"application/vnd.dsse.envelope.v1+json"})


def of_blobs(check, real):
    for kind in PREDICATES:
        for form, out, given in [("classic", "--output-signature", "--signature"), ("bundle", "--bundle", "--bundle")]:
            trusted = ["--trusted-root", str(ROOT)] if form == "bundle" else []
            for who, verifier in [("ours", real), (real, "ours")]:
                made = f"{who}-{form}.att"
                words = ["attest-blob", *SIGN, *FORMS[form], out, made, "--key", f"key-{who}.key", *predicate(kind), "blob"]
                status, _, said = check.run(who, *words)
                check.same(f"attest-blob {form} {kind} by {who}", status, 0, said)
                words = ["verify-blob-attestation", *VERIFY, *FORMS[form], *trusted, given, made, "--type", kind]
                key = ["--key", f"key-{who}.pub"]
                if (kind, verifier, form) in OWN_NOT_VERIFIED:
                    check.same(f"{kind} by {verifier}", check.run("ours", *words, *key, "blob")[0], 0)
                    continue
                status, _, said = check.run(verifier, *words, *key, "blob")
                check.same(f"verify-blob-attestation {form} {kind} of {who} by {verifier}", status, 0, said)
                if kind in FEW:
                    check.both(f"another blob than {who}'s", real, [*words, *key, "other"], "fails")
                    check.both(f"another key than {who}'s", real, [*words, "--key", "p256-ours.pub", "blob"], "fails")
                    check.both(f"another type than {who}'s", real, [*words[:-1], "vuln", *key, "blob"], "fails")
                    check.both(f"no claims of {who}'s", real, [*words, *key, "--check-claims=false", "other"], "fails")
    statement = {"_type": "https://in-toto.io/Statement/v1", "predicateType": "https://example.com/x", "predicate": {"a": 1},
                 "subject": [{"name": "blob", "digest": {"sha256": __import__("hashlib").sha256(b"blob").hexdigest()}}]}
    Path(check.folder, "statement.json").write_text(json.dumps(statement))
    for who, verifier in [("ours", real), (real, "ours")]:
        words = ["attest-blob", *SIGN, "--new-bundle-format=true", "--bundle", "whole.att", "--key", f"key-{who}.key"]
        status, _, said = check.run(who, *words, "--statement", "statement.json", "blob")
        check.same(f"a whole statement by {who}", status, 0, said)
        words = ["verify-blob-attestation", *VERIFY, "--new-bundle-format=true", "--trusted-root", str(ROOT), "--bundle", "whole.att"]
        status, _, said = check.run(verifier, *words, "--type", "https://example.com/x", "--key", f"key-{who}.pub", "blob")
        check.same(f"a whole statement of {who} by {verifier}", status, 0, said)


def attestations(check, real, stores):
    write(check)
    of_blobs(check, real)
    for number, store in enumerate(stores):
        for form in FORMS:
            kinds = [kind for kind in PREDICATES if (kind, real, form) not in OWN_NOT_VERIFIED]
            of_images(check, real, store, form, FEW if number else kinds)
