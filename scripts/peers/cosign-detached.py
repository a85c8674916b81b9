#!/usr/bin/env python3
"""Holds `plimsoll cosign verify-blob --certificate` against the real cosign: the bundles of the offline world, right and wrong ones, in
parts (certificate, signature, timestamp, chains), as release pages have them.
Usage: scripts/peers/cosign-detached.py PLIMSOLL FOLDER OFFLINE_WORLD [VERSION…], where FOLDER is that of scripts/peers/build-cosign.sh
(cosign-v3, cosign-v2), and OFFLINE_WORLD the example of plimsoll-trust, which writes the cases.

No log is demanded: the real one would ask it. Nothing asks a host.
"""
import json
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from cosign import Compare  # noqa: E402

# What is refused here and taken there: no trusted root says from when an authority of a PEM file counts, and an issuer may be over.
STRICTER = {
    "cosign-v2": ("-without-a-start", "6-issuer-expired-before-timestamp"),
    "cosign-v3": ("-without-a-start",),
}


def pem(label, raw):
    return f"-----BEGIN {label}-----\n" + "\n".join(textwrap.wrap(raw, 64)) + f"\n-----END {label}-----\n"


def parts(case):
    """The words of a verification by files, and the environment that the real one wants; none where the case has no such parts."""
    bundle, root, expected = (json.loads((case / name).read_text()) for name in ("bundle.json", "trusted_root.json", "expected.json"))
    proofs = bundle.get("verificationMaterial", {})
    if not expected.get("identity") or "messageSignature" not in bundle or not proofs.get("certificate"):
        return None
    chains = [root[name][0]["certChain"]["certificates"] for name in ("certificateAuthorities", "timestampAuthorities")]
    files = {
        "cert.pem": pem("CERTIFICATE", proofs["certificate"]["rawBytes"]),
        "sig": bundle["messageSignature"]["signature"],
        "ct.pub": pem("PUBLIC KEY", root["ctlogs"][0]["publicKey"]["rawBytes"]),
        **{name: "".join(pem("CERTIFICATE", one["rawBytes"]) for one in chain) for name, chain in zip(("chain.pem", "tsa.pem"), chains)},
    }
    words = ["--certificate", "cert.pem", "--signature", "sig", "--certificate-chain", "chain.pem", "--insecure-ignore-tlog",
             "--certificate-identity", expected["identity"], "--certificate-oidc-issuer", expected["issuer"]]
    stamps = proofs.get("timestampVerificationData", {}).get("rfc3161Timestamps")
    if stamps:
        files["stamp.json"] = json.dumps({"SignedRFC3161Timestamp": stamps[0]["signedTimestamp"]})
        words += ["--rfc3161-timestamp", "stamp.json", "--timestamp-certificate-chain", "tsa.pem"]
    for name, text in files.items():
        (case / name).write_text(text)
    return words, {"SIGSTORE_CT_LOG_PUBLIC_KEY_FILE": "ct.pub"}


def main():
    program, folder, world = (str(Path(one).resolve()) for one in sys.argv[1:4])
    asked = differ = taken = 0
    for real in sys.argv[4:] or ["cosign-v3", "cosign-v2"]:
        with tempfile.TemporaryDirectory() as work:
            subprocess.run([world, work], check=True, stdout=subprocess.DEVNULL)
            for case in sorted(one for one in Path(work).iterdir() if (one / "bundle.json").exists()):
                found = parts(case)
                if not found:
                    continue
                words, environment = found
                check = Compare({"ours": [program, "cosign"], real: [f"{folder}/{real}"]}, case)
                mine = check.run("ours", "verify-blob", "--trusted-root", "trusted_root.json", *words, "artifact")
                theirs = check.run(real, "verify-blob", "--new-bundle-format=false", *words, "artifact", **environment)
                stricter = case.name.endswith(STRICTER[real])
                # Where we are stricter, the real one has to take it: else the difference is gone, and is to be struck from the list.
                taken_by, wanted = (mine[0] == 0, theirs[0] == 0), (False, True) if stricter else (theirs[0] == 0,) * 2
                check.same(f"{case.name}, {real}", taken_by, wanted, f"{mine[2]}\n  {theirs[2]}")
                asked, differ, taken = asked + check.asked, differ + check.differ, taken + (mine[0] == 0)
    print(f"say: {asked} verifications by files, {taken} of them taken, {differ} otherwise than the real one")
    # Where all is refused, nothing was compared.
    sys.exit(1 if differ or taken < 10 else 0)


if __name__ == "__main__":
    main()
