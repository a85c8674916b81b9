#!/usr/bin/env python3
"""A stand-in of HashiCorp Vault's transit engine on loopback, as far as signing goes: keys are made, shown, sign and verify, with the
real cryptography of openssl. For scripts/peers/cosign-kms.py; scripts/peers/vault.py FOLDER serves one by itself, and prints where.

It answers as https://developer.hashicorp.com/vault/api-docs/secret/transit says; what is not signing is not there.
"""
import base64
import http.server
import json
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

TOKEN = "hvs.CAESIJ-a-token-of-nobody"
MAKE = {
    "ecdsa-p256": "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256",
    "ecdsa-p384": "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384",
    "ed25519": "genpkey -algorithm ed25519",
    "rsa-2048": "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048",
}
HASHES = {"sha2-256": "sha256", "sha2-384": "sha384", "sha2-512": "sha512"}


class Refused(Exception):
    def __init__(self, status, *words):
        super().__init__(status)
        self.status, self.words = status, list(words)


class Vault:
    def __init__(self, folder):
        self.folder = Path(folder)
        self.kinds, self.seen = {}, []
        vault = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self):
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length)
                vault.seen.append(f"{self.command} {self.path}")
                try:
                    if self.headers.get("X-Vault-Token") != TOKEN:
                        raise Refused(403, "permission denied")
                    status, said = 200, {"data": vault.answer(self.command, self.path, json.loads(body or b"{}"))}
                except Refused as refused:
                    status, said = refused.status, {"errors": refused.words}
                text = json.dumps(said).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_PUT = answer

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()

    def environment(self):
        return {"VAULT_ADDR": self.address, "VAULT_TOKEN": TOKEN}

    def path(self, name):
        return self.folder / f"{name}.pem"

    def openssl(self, *words):
        done = subprocess.run(["openssl", *map(str, words)], capture_output=True)
        return done.returncode == 0, done.stdout

    def make(self, name, kind):
        if kind not in MAKE:
            raise Refused(400, f"unknown key type {kind}")
        if name not in self.kinds:
            assert self.openssl(*MAKE[kind].split(), "-out", self.path(name))[0]
            self.kinds[name] = kind

    def public_pem(self, name):
        return self.openssl("pkey", "-in", self.path(name), "-pubout")[1].decode()

    def answer(self, method, path, body):
        parts = path.strip("/").split("/")
        if parts[:2] != ["v1", "transit"] or len(parts) < 4:
            raise Refused(404, "no handler for route")
        what, name, hashed = parts[2], parts[3], parts[4:]
        if what == "keys" and method != "GET":
            self.make(name, body.get("type", "aes256-gcm96"))
        if name not in self.kinds:
            raise Refused(404) if what == "keys" else Refused(400, "signing key not found")
        if what == "keys":
            return self.key(name)
        given = base64.b64decode(body["input"], validate=True)
        asked = self.asked(name, body, hashed)
        if what == "sign":
            if int(body.get("key_version") or 0) > 1:
                raise Refused(400, "requested version for signing is higher than the latest key version")
            return {"signature": "vault:v1:" + base64.b64encode(self.sign(name, asked, given)).decode(), "key_version": 1}
        if what == "verify":
            signature = body["signature"]
            if not signature.startswith("vault:v1:"):
                raise Refused(400, "invalid signature: no prefix")
            return {"valid": self.verifies(name, asked, given, base64.b64decode(signature[9:], validate=True))}
        raise Refused(404, "no handler for route")

    def key(self, name):
        kind, public = self.kinds[name], self.public_pem(name)
        if kind == "ed25519":
            public = base64.b64encode(self.openssl("pkey", "-in", self.path(name), "-pubout", "-outform", "DER")[1][12:]).decode()
        called = {"ecdsa-p256": "P-256", "ecdsa-p384": "P-384"}.get(kind, kind)
        version = {"creation_time": "2026-01-01T00:00:00Z", "name": called, "public_key": public}
        return {"name": name, "type": kind, "latest_version": 1, "supports_signing": True, "keys": {"1": version}}

    def asked(self, name, body, hashed):
        """How it is signed, in openssl's words."""
        if self.kinds[name] == "ed25519":
            return ["-rawin"]
        if body.get("marshaling_algorithm", "asn1") != "asn1" or not body.get("prehashed"):
            raise Refused(400, "the stand-in signs digests in ASN.1")
        digest = HASHES.get(hashed[0] if hashed else "sha2-256")
        if digest is None:
            raise Refused(400, "unsupported hash algorithm")
        padding = ["-pkeyopt", "rsa_padding_mode:pkcs1"] if self.kinds[name].startswith("rsa") else []
        if padding and body.get("signature_algorithm") not in ("pkcs1v15", None):
            raise Refused(400, "the stand-in pads as PKCS#1 1.5 does")
        return ["-pkeyopt", f"digest:{digest}", *padding]

    def sign(self, name, asked, given):
        with tempfile.NamedTemporaryFile() as file:
            Path(file.name).write_bytes(given)
            good, signature = self.openssl("pkeyutl", "-sign", "-inkey", self.path(name), "-in", file.name, *asked)
        if not good:
            raise Refused(400, "the input has another length than the hash")
        return signature

    def verifies(self, name, asked, given, signature):
        with tempfile.NamedTemporaryFile() as file, tempfile.NamedTemporaryFile() as signed:
            Path(file.name).write_bytes(given)
            Path(signed.name).write_bytes(signature)
            return self.openssl("pkeyutl", "-verify", "-inkey", self.path(name), "-in", file.name, "-sigfile", signed.name, *asked)[0]


if __name__ == "__main__":
    served = Vault(sys.argv[1])
    print(f"export VAULT_ADDR={served.address} VAULT_TOKEN={TOKEN}", flush=True)
    threading.Event().wait()
