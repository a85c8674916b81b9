#!/usr/bin/env python3
"""Holds our verdicts on the cases of the offline world against those of sigstore-python.

Usage: scripts/peers/sigstore-python.py OFFLINE_WORLD FOLDER      (the example that writes the cases, and where to)

Run it with a Python that has `sigstore`. A case that says `agrees` must be accepted or refused alike; one that says why the peer
differs must differ; what the peer has no words for (keys, patterns, kinds of entries) is counted. No network is used.
"""
import collections
import json
import logging
import pathlib
import shutil
import subprocess
import sys

from sigstore.models import Bundle, TrustedRoot
from sigstore.verify import Verifier
from sigstore.verify.policy import Identity

logging.disable(logging.CRITICAL)


def judged(case, expected):
    """Whether the peer accepts it, and what it said."""
    try:
        verifier = Verifier(trusted_root=TrustedRoot.from_file(str(case / "trusted_root.json")))
        bundle = Bundle.from_json((case / "bundle.json").read_text())
        policy = Identity(identity=expected["identity"], issuer=expected["issuer"])
        if "dsseEnvelope" in json.loads((case / "bundle.json").read_text()):
            verifier.verify_dsse(bundle, policy)
        else:
            verifier.verify_artifact((case / "artifact").read_bytes(), bundle, policy)
        return True, "accepted"
    except Exception as error:  # whatever it throws is a refusal
        return False, f"{type(error).__name__}: {error}"


def main():
    program, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([program, str(folder)], check=True, stdout=subprocess.DEVNULL)
    count = collections.Counter()
    wrong = []
    for case in sorted(path for path in folder.iterdir() if path.is_dir()):
        expected = json.loads((case / "expected.json").read_text())
        ours = expected["ours"] == "accepted"
        if ours != expected["accept"] or (not ours and not expected["ours"].startswith(expected["code"] + ":")):
            wrong.append(f"{case.name}: we say {expected['ours']}")
        if expected["peer"] == "unable":
            count["unable"] += 1
            continue
        theirs, said = judged(case, expected)
        agrees = theirs == ours
        if agrees != (expected["peer"] == "agrees"):
            wrong.append(f"{case.name}: we say {expected['ours']}, it says {said}; expected: {expected['peer']}")
        count["agree" if agrees else "differ"] += 1
        if not agrees:
            print(f"{case.name}: it says the opposite: {expected['peer']}")
    for line in wrong:
        print("WRONG", line)
    print(f"say: {count['agree']} cases judged alike, {count['differ']} otherwise and known why, {count['unable']} beyond its words")
    print(f"{count['agree'] + count['differ'] - len(wrong)} passed, {len(wrong)} failed")
    return 1 if wrong or count["agree"] < 60 else 0


sys.exit(main())
