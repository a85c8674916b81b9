"""A registry on loopback without a password, and images in it, put there by the registry's own protocol.

    store = Store(folder, "old", debian)
    store.start()
    store.image("shop/web:1")
"""
import base64
import hashlib
import http.client
import json
import os
import subprocess

from gate_peer import free_port, wait_until

MANIFEST, INDEX = "application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.index.v1+json"
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
SIMPLE_SIGNING, ENVELOPE = "application/vnd.dev.cosign.simplesigning.v1+json", "application/vnd.dsse.envelope.v1+json"

def digest_of(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Store:
    """A registry on loopback without a password, and images in it."""

    def __init__(self, work, name, command):
        self.work, self.name, self.command, self.port = os.path.join(work, name), name, command, free_port()
        self.address, self.process = f"127.0.0.1:{self.port}", None
        os.makedirs(self.work, exist_ok=True)

    def start(self):
        with open(os.path.join(self.work, "log"), "ab") as log:
            self.process = subprocess.Popen(self.command(self), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until(self.lives, 20, f"the registry {self.name} does not start")

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def lives(self):
        try:
            return self.call("GET", "/v2/")[0] == 200
        except OSError:
            return False

    def call(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read(), dict(answer.getheaders())
        finally:
            connection.close()

    def blob(self, repository, data):
        status, _, headers = self.call("POST", f"/v2/{repository}/blobs/uploads/")
        assert status == 202, status
        place = headers.get("Location") or headers["location"]
        place = place.split(self.address, 1)[-1]
        join = "&" if "?" in place else "?"
        status, body, _ = self.call("PUT", f"{place}{join}digest={digest_of(data)}", data, {"Content-Type": "application/octet-stream"})
        assert status == 201, (status, body)
        return {"digest": digest_of(data), "size": len(data)}

    def put(self, repository, reference, kind, document):
        data = json.dumps(document).encode()
        status, body, _ = self.call("PUT", f"/v2/{repository}/manifests/{reference}", data, {"Content-Type": kind})
        assert status == 201, (status, body)
        return {"mediaType": kind, "digest": digest_of(data), "size": len(data)}

    def manifest(self, repository, reference, words):
        layer = bytearray(1024)  # an empty tar
        config = {"architecture": "amd64", "os": "linux", "config": {"Labels": {"words": words}}, "rootfs": {"type": "layers", "diff_ids": [digest_of(bytes(layer))]}}
        layer = self.blob(repository, bytes(layer)) | {"mediaType": "application/vnd.oci.image.layer.v1.tar"}
        config = self.blob(repository, json.dumps(config).encode()) | {"mediaType": "application/vnd.oci.image.config.v1+json"}
        document = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer]}
        return self.put(repository, reference, MANIFEST, document)

    def image(self, name, words=None):
        """An image of one manifest at `repository:tag`; its name with the digest."""
        repository, tag = name.split(":")
        return f"{self.address}/{repository}@{self.manifest(repository, tag, words or name)['digest']}"

    def attach(self, name, suffix, layer, media_type):
        """A layer in the classic form, beside the image of that name."""
        repository, digest = name.split("/", 1)[1].split("@")
        layer = self.blob(repository, base64.b64decode(layer["bytes"])) | {"mediaType": media_type, "annotations": layer["annotations"]}
        config = self.blob(repository, b"{}") | {"mediaType": "application/vnd.oci.image.config.v1+json"}
        document = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer]}
        self.put(repository, digest.replace(":", "-") + suffix, MANIFEST, document)

    def refer(self, name, bundle):
        """A bundle that refers to the image of that name: in the registry's list, or in an index beside it."""
        repository, digest = name.split("/", 1)[1].split("@")
        size = len(self.call("GET", f"/v2/{repository}/manifests/{digest}", headers={"Accept": MANIFEST})[1])
        layer = self.blob(repository, bundle) | {"mediaType": BUNDLE}
        config = self.blob(repository, b"{}") | {"mediaType": "application/vnd.oci.empty.v1+json"}
        document = {"schemaVersion": 2, "mediaType": MANIFEST, "artifactType": BUNDLE, "config": config, "layers": [layer],
                    "subject": {"mediaType": MANIFEST, "digest": digest, "size": size}}
        made = self.put(repository, digest_of(json.dumps(document).encode()), MANIFEST, document) | {"artifactType": BUNDLE}
        if self.call("GET", f"/v2/{repository}/referrers/{digest}")[0] == 404:
            self.put(repository, digest.replace(":", "-"), INDEX, {"schemaVersion": 2, "mediaType": INDEX, "manifests": [made]})

    def index(self, name):
        """An index of one manifest: the names of both by digest."""
        repository, tag = name.split(":")
        manifest = self.manifest(repository, "platform", name)
        entry = manifest | {"platform": {"os": "linux", "architecture": "amd64"}}
        index = self.put(repository, tag, INDEX, {"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]})
        return [f"{self.address}/{repository}@{one['digest']}" for one in (index, manifest)]


def debian(store):
    """Debian's docker-registry, which keeps no list of referrers."""
    storage, path = os.path.join(store.work, "storage"), os.path.join(store.work, "config.yml")
    with open(path, "w") as file:
        file.write("version: 0.1\nlog: {level: warn}\n"
                   f"storage: {{filesystem: {{rootdirectory: \"{storage}\"}}, delete: {{enabled: true}}}}\nhttp: {{addr: \"{store.address}\"}}\n")
    return ["docker-registry", "serve", path]
