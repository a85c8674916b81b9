#!/usr/bin/env python3
"""Sends the requests that a real API server once sent, over TLS with a client certificate, and checks every answer.

Usage: scripts/recorded-reviews.py PLIMSOLL RECORDINGS WORK        (needs openssl)

RECORDINGS has one JSON object a line with `path` and `body`. An image whose name has "bad" in it is refused by the policy
used here, every other one is exempt from judgement, so the right answer is known without a registry.
"""
import http.client
import json
import os
import shutil
import ssl
import subprocess
import sys

POLICY = """apiVersion: plimsoll.dev/v1alpha1
kind: LoadLine
metadata: {name: recorded}
images:
  - {name: bad, match: ["docker.io/library/bad*"], refuse: a bad image}
  - {name: none, match: ["**"], refuse: unknown}
exempt:
  - {images: [GOOD], reason: known to be good}
"""


def openssl(*args):
    subprocess.run(["openssl", *args], check=True, capture_output=True, timeout=60)


def certificates(work):
    """An authority, and a certificate for the server and for its client."""
    at = lambda name: os.path.join(work, name)
    new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    openssl("req", "-x509", *new, "-days", "2", "-keyout", at("ca.key"), "-out", at("ca.crt"), "-subj", "/CN=recorded")
    for name, subject, extension in [
        ("server", "/CN=plimsoll", "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth"),
        ("client", "/CN=apiserver-webhook-client", "extendedKeyUsage=clientAuth"),
    ]:
        with open(at(name + ".ext"), "w") as file:
            file.write(extension)
        openssl("req", *new, "-keyout", at(name + ".key"), "-out", at(name + ".csr"), "-subj", subject)
        openssl("x509", "-req", "-in", at(name + ".csr"), "-CA", at("ca.crt"), "-CAkey", at("ca.key"), "-CAcreateserial",
                "-days", "2", "-out", at(name + ".crt"), "-extfile", at(name + ".ext"))


def start(program, work):
    """The gate, and the address that it listens on."""
    at = lambda name: os.path.join(work, name)
    command = [program, "--cache-dir", at("cache"), "serve", "--cert", at("server.crt"), "--key", at("server.key"),
               "--client-ca", at("ca.crt"), "--client-name", "apiserver-*", "--policy", at("loadline.yaml"),
               "--address", "127.0.0.1", "--port", "0", "--shutdown-delay", "0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    for line in process.stderr:
        event = json.loads(line)
        if event["msg"] == "serving":
            # What it says later goes to a file, so that it never waits for a reader.
            log = open(at("serve.log"), "w")
            subprocess.Popen(["cat"], stdin=process.stderr, stdout=log)
            return process, event["address"]
    raise SystemExit("the gate did not start")


def images(body):
    """Every `image` anywhere below the places where pods stand."""
    if body["kind"] == "ImageReview":
        return [container["image"] for container in body["spec"]["containers"]]
    found = []

    def walk(value):
        if isinstance(value, dict):
            for key, inner in value.items():
                if key == "image" and isinstance(inner, str):
                    found.append(inner)
                walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)

    request = body["request"]
    walk((request.get("object") or {}).get("spec") or {})
    old = len(found)
    walk((request.get("oldObject") or {}).get("spec") or {})
    before = set(found[old:])
    return [image for image in found[:old] if image not in before]


def check(path, body, status, answer):
    assert status == 200, (status, answer)
    expected = not any("bad" in image for image in images(body))
    assert answer["apiVersion"] == body["apiVersion"] and answer["kind"] == body["kind"], answer
    if body["kind"] == "ImageReview":
        assert answer["status"]["allowed"] is expected, answer
        assert expected or "a bad image" in answer["status"]["reason"], answer
        return expected
    response = answer["response"]
    assert response["uid"] == body["request"]["uid"], answer
    if path.startswith("/mutate"):
        assert response["allowed"] is True and "patch" not in response, answer
        return True
    assert response["allowed"] is expected, answer
    assert "patch" not in response and "patchType" not in response, answer
    assert all("/" not in key for key in response.get("auditAnnotations", {})), answer
    return expected


def main():
    program, recordings, work = sys.argv[1:4]
    shutil.rmtree(work, ignore_errors=True)
    os.makedirs(work)
    with open(recordings) as file:
        recorded = [json.loads(line) for line in file if line.strip()]
    names = sorted({f"docker.io/library/{image.split(':')[0]}" for one in recorded for image in images(one["body"])
                    if "bad" not in image})
    with open(os.path.join(work, "loadline.yaml"), "w") as file:
        file.write(POLICY.replace("GOOD", ", ".join(f'"{name}"' for name in names)))
    certificates(work)
    process, address = start(program, work)
    try:
        context = ssl.create_default_context(cafile=os.path.join(work, "ca.crt"))
        context.load_cert_chain(os.path.join(work, "client.crt"), os.path.join(work, "client.key"))
        host, port = address.rsplit(":", 1)
        connection = http.client.HTTPSConnection(host, int(port), context=context, timeout=30)
        allowed = 0
        for at, one in enumerate(recorded, 1):
            # On its own path, and on the one that tells reviews apart.
            for path in [one["path"], "/"] if not one["path"].startswith("/mutate") else [one["path"]]:
                headers = {"Content-Type": "application/json", "Accept": "application/json, */*"}
                connection.request("POST", path, json.dumps(one["body"]), headers)
                response = connection.getresponse()
                text = response.read()
                try:
                    allowed += check(path, one["body"], response.status, json.loads(text))
                except AssertionError as error:
                    raise SystemExit(f"{recordings}:{at}: {path}: {error}")
        assert recorded and allowed
        print(f"say: {len(recorded)} recorded requests answered as the protocol asks")
    finally:
        process.terminate()
        process.wait(timeout=30)


if __name__ == "__main__":
    main()
