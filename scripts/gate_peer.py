"""`plimsoll serve` for scripts: on loopback, alive when the block begins, gone when it ends.

    with Gate(program, "--cert=tls.crt", "--key=tls.key", cwd=folder, env=environment) as gate:
        gate.port, gate.log, gate.image_review("nginx:1.21")
"""
import base64
import ctypes
import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import tempfile
import time


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def wait_until(true, seconds, what):
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, what
        time.sleep(0.05)


def nobody_listens(port):
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


class Gate:
    """`plimsoll serve` with these arguments, until the block ends."""

    def __init__(self, program, *args, cwd, env, port=None):
        self.port = port or free_port()
        # Where the arguments name no port, the bouncer's own variable does.
        self.env = dict(env, PLIMSOLL_ADDRESS="127.0.0.1", PLIMSOLL_SHUTDOWN_DELAY="0", BOUNCER_PORT=str(self.port))
        if port == 1323:
            del self.env["BOUNCER_PORT"]  # it is what it listens on when nobody says otherwise
        self.command, self.cwd = [program, "serve", *args], cwd

    def __enter__(self):
        wait_until(lambda: nobody_listens(self.port), 30, f"somebody else listens on {self.port}")
        log, self.log = tempfile.mkstemp(prefix="gate-", suffix=".log", dir=self.env["HOME"])
        with os.fdopen(log, "w") as log:
            self.process = subprocess.Popen(
                self.command, cwd=self.cwd, env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                # Should this program be killed, the gate goes with it (PR_SET_PDEATHSIG).
                preexec_fn=lambda: ctypes.CDLL(None).prctl(1, signal.SIGKILL),
            )
        try:
            wait_until(self.lives, 20, "the gate did not start in 20 seconds")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def lives(self):
        if self.process.poll() is not None:
            with open(self.log) as log:
                raise AssertionError(f"the gate ended: {log.read()}")
        try:
            return self.call("GET", "/livez")[0] == 200
        except OSError:
            return False

    def call(self, method, path, body=None):
        unchecked = ssl.create_default_context()
        unchecked.check_hostname, unchecked.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=30, context=unchecked)
        try:
            connection.request(method, path, body)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def image_review(self, image):
        spec = {"containers": [{"image": image}], "namespace": "default"}
        review = {"apiVersion": "imagepolicy.k8s.io/v1alpha1", "kind": "ImageReview", "spec": spec}
        return json.loads(self.call("POST", "/image_policy", json.dumps(review))[1])["status"]


def webhook(port, authority):
    """A ValidatingWebhookConfiguration by which all objects that are created or changed go to the gate on this port; `authority`
    is PEM."""
    rules = {"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["CREATE", "UPDATE"], "resources": ["*"]}
    return json.dumps({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "policies"},
        "webhooks": [{
            "name": "policies.example.com", "rules": [rules], "failurePolicy": "Fail", "sideEffects": "None", "timeoutSeconds": 10,
            "admissionReviewVersions": ["v1"], "clientConfig": {"url": f"https://127.0.0.1:{port}/validate", "caBundle": base64.b64encode(authority).decode()},
            "namespaceSelector": {"matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["kube-system"]}]},
        }],
    })
