"""The part of scripts/peers/cosign.py about what is moved with an image, printed, put there and removed. It is no program by itself."""
import json
import shutil
from pathlib import Path

from cosign import FORMS, ROOT, SIGN, VERIFY


def transfers(check, real, store, form):
    old = (real, form) == ("cosign-v2", "bundle")
    flags = FORMS[form]
    trusted = ["--trusted-root", str(ROOT)] if old else []
    what = f"{store.name}: {form}"

    def verifies(who, image, said):
        for command, more in [("verify", []), ("verify-attestation", ["--type", "cyclonedx"])]:
            words = [command, *VERIFY, *flags, *trusted, "--key", "key-ours.pub", *more, image]
            status, _, err = check.run(who, *words)
            check.same(f"{what} {said}: {command} by {who}", status, 0, err)

    Path(check.folder, "bom.json").write_text('{"bomFormat": "CycloneDX"}')
    repository = f"moved/{form}/{real}"
    image = store.image(f"{repository}/app", "v1", "one")
    name = f"{store.address}/{repository}/app@{image['digest']}"
    for words in (["sign"], ["attest", "--type", "cyclonedx", "--predicate", "bom.json"]):
        status, _, said = check.run("ours", *words, *SIGN, *flags, "--key", "key-ours.key", name)
        check.same(f"{what} {words[0]}", status, 0, said)
    # A layout of each, loaded by the other.
    for who, other in [("ours", real), (real, "ours"), ("ours", "ours")]:
        # It puts a bundle's manifest before its blobs, which this registry does not take.
        if (other, form, store.name) == ("cosign-v3", "bundle", "docker-registry"):
            continue
        folder = f"layout-{who}-{other}-{form}"
        status, _, said = check.run(who, "save", "--dir", folder, name)
        check.same(f"{what} save by {who}", status, 0, said)
        # In its folder; version 2 neither saves nor reads bundles there, and what the newer one takes for bundles is its own to say.
        for verifier in ("ours", *([real] if form == "classic" else [])):
            if (who, form) == ("cosign-v2", "bundle"):
                continue
            words = ["verify", "--local-image", *VERIFY, *flags, "--key", "key-ours.pub", folder]
            status, _, said = check.run(verifier, *words)
            check.same(f"{what} verify --local-image of {who} by {verifier}", status, 0, said)
        there = f"{store.address}/{repository}/loaded-{who}-{other}:v1"
        status, _, said = check.run(other, "load", "--dir", folder, there)
        check.same(f"{what} load of {who} by {other}", status, 0, said)
        # Cosign 2 does not save referrers.
        if "cosign-v2" not in (who, other) or form == "classic":
            verifies("ours", there, f"saved by {who}, loaded by {other}")
            verifies(real, there, f"saved by {who}, loaded by {other}")
        shutil.rmtree(Path(check.folder, folder))
    copied = f"{store.address}/{repository}/copied:v1"
    check.same(f"{what} copy", check.run("ours", "copy", name, copied)[0], 0)
    verifies("ours", copied, "copied")
    verifies(real, copied, "copied")
    for kind in ("signature", "attestation"):
        words = ["download", kind, name]
        printed = [[json.loads(line) for line in check.run(who, *words)[1].split("\n") if line] for who in ("ours", real)]
        if real == "cosign-v2" and form == "bundle":
            continue
        check.same(f"{what} download {kind}", *[sorted(json.dumps(one, sort_keys=True) for one in all) for all in printed])
    # What one attaches the other prints.
    for who, other in [("ours", real), (real, "ours")]:
        beside = store.image(f"{repository}/beside-{who}", "v1", "beside")
        there = f"{store.address}/{repository}/beside-{who}@{beside['digest']}"
        status, _, said = check.run(who, "attach", "sbom", "--type", "cyclonedx", "--sbom", "bom.json", there)
        check.same(f"{what} attach sbom by {who}", status, 0, said)
        check.same(f"{what} download sbom of {who}", check.run(other, "download", "sbom", there)[:2], (0, '{"bomFormat": "CycloneDX"}'))
        if form == "classic":
            out = ["--upload=false", "--output-signature", "moved.sig", "--output-payload", "moved.payload"]
            check.run("ours", "sign", *SIGN, *flags, "--key", "key-ours.key", *out, there)
            status, _, said = check.run(who, "attach", "signature", "--signature", "moved.sig", "--payload", "moved.payload", there)
            check.same(f"{what} attach signature by {who}", status, 0, said)
            status, _, said = check.run(other, "verify", *VERIFY, *flags, "--key", "key-ours.pub", there)
            check.same(f"{what} attached by {who} verifies by {other}", status, 0, said)
    if form == "classic":
        # A layer that goes in pieces.
        large = store.image(f"{repository}/large", "v1", "large " * (6 << 20))
        there = f"{store.address}/{repository}/pieces:v1"
        status, _, said = check.run("ours", "copy", f"{store.address}/{repository}/large:v1", there)
        check.same(f"{what} copy of a large image", status, 0, said)
        layer = store.get(f"{repository}/pieces", "v1")["layers"][0]
        answer, _ = store.request("HEAD", f"/v2/{repository}/pieces/blobs/{layer['digest']}")
        length = answer.headers["Content-Length"]
        check.same(f"{what} a large layer", (answer.status, int(length)), (200, layer["size"]))
        check.same(f"{what} a large image", check.run(real, "triangulate", "--type", "digest", there)[1].strip()[-64:], large["digest"][-64:])
    # Removed is removed, for both.
    check.both(f"{what} clean, and no", real, ["clean", name], "fails")
    status, _, said = check.run("ours", "clean", "--force", name)
    check.same(f"{what} clean", status, 0, said)
    for who in ("ours", real):
        gone = check.run(who, "verify", *VERIFY, *flags, *trusted, "--key", "key-ours.pub", name)[0]
        check.same(f"{what} cleaned, by {who}", bool(gone), True)


def files(check, real, store):
    """The images of manifests and Dockerfiles."""
    signed, other = store.image(f"named/{real}/a", "v1", "one"), store.image(f"named/{real}/a", "v2", "two")
    names = [f"{store.address}/named/{real}/a@{one['digest']}" for one in (signed, other)]
    check.run("ours", "sign", *SIGN, *FORMS["classic"], "--key", "key-ours.key", names[0])
    folder = Path(check.folder)
    for name, images in [("good", names[:1]), ("bad", names), ("none", [])]:
        containers = [{"name": f"c{at}", "image": image} for at, image in enumerate(images)]
        (folder / f"{name}.yaml").write_text(json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {"containers": containers}}))
        (folder / f"{name}.docker").write_text("".join(f"FROM {image} AS s{at}\n" for at, image in enumerate(reversed(images))) or "FROM scratch\n")
        verify = ["verify", *VERIFY, *FORMS["classic"], "--key", "key-ours.pub"]
        check.both("the images of a manifest", real, ["manifest", *verify, f"{name}.yaml"])
        check.both("the images of a Dockerfile", real, ["dockerfile", *verify, f"{name}.docker"])
        check.both("its last image", real, ["dockerfile", *verify, "--base-image-only", f"{name}.docker"])
    check.both("another end of a name", real, ["manifest", *verify, "good.json"])
