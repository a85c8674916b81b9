#!/usr/bin/env python3
"""Holds `plimsoll cosign` to a list of Cosign's commands and flags: each is built, or refused by name and for a reason that stands here.
Usage: scripts/cosign-flags.py PLIMSOLL LIST, where LIST has a line `## COMMAND  [v2 / v3]` for each command, and below it lines that
name its flags behind colons. Nothing is signed, verified or asked: each flag stands before --help.
"""
import os
import re
import subprocess
import sys

# What is refused, and why.
COMMANDS = {
    "bundle create": "sign-blob and attest-blob write bundles",
    "bundle inspect": "they are JSON",
    "bundle upgrade": "older forms of bundles are not read",
    "login": "docker login's credentials are taken",
    "upload blob": "there are programs for artifacts",
}
FLAGS = {
    "allow-certificate-chain": "chains without a root are always read",
    "attachment": "SBOMs are attested",
    "attachment-tag-prefix": "tags have no prefix",
    "base-config": "each service is named",
    "certificate": "certificates lie with signatures",
    "certificate-chain": "certificates lie with signatures",
    "insecure-skip-verify": "what services answer is verified",
    "issue-certificate": "keys have certificates or are elsewhere, not both",
    "no-default-ctfe": "files hold what flags name alone",
    "no-default-fulcio": "files hold what flags name alone",
    "no-default-oidc": "files hold what flags name alone",
    "no-default-rekor": "files hold what flags name alone",
    "no-default-tsa": "files hold what flags name alone",
    "output-certificate": "it is in the bundle",
    "payload": "what is signed is made of the image",
    "record-creation-timestamp": "a bundle's manifest says it",
    "rekor-url": "verifying asks no log",
    "rfc3161-timestamp": "it is in the bundle",
    "rfc3161-timestamp-bundle": "it is in the bundle",
    "sct": "it is in the certificate",
    "signature": "signatures are read beside the image",
    "signature-digest-algorithm": "the key says it",
    "signing-algorithm": "a key that is made is on P-256",
    "sk": "pkcs11:",
    "slot": "pkcs11:",
    "timestamp-client-cacert": "asked as the system trusts it",
    "timestamp-client-cert": "asked as the system trusts it",
    "timestamp-client-key": "asked as the system trusts it",
    "timestamp-server-name": "asked as the system trusts it",
    "with-default-rekor-v2": "files hold what flags name alone",
    "with-default-services": "files hold what flags name alone",
}
# Where commands have what others refuse.
BUILT = {
    ("sign", "certificate"), ("sign", "certificate-chain"), ("attach signature", "payload"), ("attach signature", "certificate"),
    ("verify-blob", "signature"), ("verify-blob", "certificate"), ("verify-blob", "sct"), ("verify-blob", "rfc3161-timestamp"),
    ("verify-blob-attestation", "signature"), ("verify-blob-attestation", "certificate"), ("verify-blob-attestation", "sct"),
    ("verify-blob-attestation", "rfc3161-timestamp"), ("attach signature", "signature"),
}


def listed(path):
    """The commands, and the flags of each."""
    commands, command = {}, None
    for line in open(path, encoding="utf-8"):
        if line.startswith("## "):
            command = re.sub(r"\s*\[.*", "", line[3:]).strip()
            commands[command] = set()
        elif command and ":" in line:
            for part in line.split("|"):
                commands[command] |= {word for word in part.split(":", 1)[-1].split() if re.fullmatch(r"[a-zA-Z][a-zA-Z0-9-]+", word)}
    return commands


def main():
    program, commands = os.path.abspath(sys.argv[1]), listed(sys.argv[2])
    if len(commands) < 30 or sum(map(len, commands.values())) < 400:
        raise SystemExit(f"{sys.argv[2]} does not list Cosign's commands")
    wrong, built, met = [], 0, set()
    for command, flags in commands.items():
        if command in COMMANDS:
            done = subprocess.run([program, "cosign", *command.split(), "--help"], capture_output=True, text=True)
            if done.returncode != 1 or f"cosign's command {command.split()[0]} is not taken: " not in done.stderr:
                wrong.append(f"{command}: {done.stderr.strip()}")
            met.add(command)
            continue
        for flag in sorted(flags):
            done = subprocess.run([program, "cosign", *command.split(), f"--{flag}=x", "--help"], capture_output=True, text=True)
            if f"--{flag} is a flag of cosign's that is not taken: " in done.stderr:
                if flag not in FLAGS or (command, flag) in BUILT:
                    wrong.append(f"{command} --{flag} is refused: {done.stderr.strip()}")
                met.add(flag)
            elif "unexpected argument" in done.stderr or "unrecognized subcommand" in done.stderr:
                wrong.append(f"{command} --{flag}: {done.stderr.strip()}")
            else:
                built += 1
    wrong += [f"{name} is never refused: take it out of this list" for name in (*COMMANDS, *FLAGS) if name not in met]
    for line in wrong:
        print(line)
    print(f"say: {built} flags of {len(commands)} commands are built, {len(met)} names refused with their reasons, {len(wrong)} otherwise")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
