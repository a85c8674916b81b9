"""The lines of the notes on signing (80 to 84), as scripts/seeds.py runs them, through a symbolic link named cosign."""
import atexit
import json
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "peers"))
from cosign import docker_registry  # noqa: E402

PASSWORD = "a password of the notes"
IMAGE = "myregistry/myimage"
IDENTITY = "https://github.com/acme/shop/.github/workflows/release.yml@refs/tags/v1"


class Services:
    """A registry on loopback with the image in it, in the place of Docker Hub; Fulcio, Rekor and a token in that of Sigstore's."""

    def __init__(self, lint):
        program = os.environ.get("PLIMSOLL_OFFLINE_WORLD")
        assert program, "PLIMSOLL_OFFLINE_WORLD names no program: cargo build -p plimsoll-trust --example offline_world makes it"
        self.folder = os.path.join(lint.work, "signing-world")
        os.makedirs(self.folder, exist_ok=True)
        process = subprocess.Popen([program, "serve", self.folder], stdout=subprocess.DEVNULL)
        atexit.register(process.kill)
        self.store = docker_registry(self.folder)
        atexit.register(self.store.process.kill)
        address = os.path.join(self.folder, "address")
        for _ in range(200):
            if os.path.exists(address):
                break
            time.sleep(0.05)
        self.base = open(address).read()
        self.digest = self.store.image(IMAGE, "v1", "an image of the notes")["digest"]
        self.root = os.path.join(self.folder, "trusted_root.json")

    def line(self, line):
        """As it is written, but for where the registry is; and in an environment that says where the services are."""
        token = open(os.path.join(self.folder, "token_workflow")).read()
        variables = {"COSIGN_FULCIO_URL": self.base, "COSIGN_REKOR_URL": self.base, "COSIGN_TRUSTED_ROOT": self.root,
                     "COSIGN_YES": "true", "SIGSTORE_ID_TOKEN": token}
        return variables, line.replace(IMAGE, f"{self.store.address}/{IMAGE}")


def services(lint):
    if not hasattr(lint, "services"):
        lint.services = Services(lint)
    return lint.services


def cosign(lint, line, status, variables=None):
    link = os.path.join(lint.work, "cosign")
    if not os.path.lexists(link):
        os.symlink(lint.plimsoll, link)
    folder = os.path.join(lint.work, "signing")
    os.makedirs(folder, exist_ok=True)
    before = "".join(f"{name}='{value}' " for name, value in {"COSIGN_PASSWORD": PASSWORD, **(variables or {})}.items())
    return folder, lint.run(f"{before}{lint.work}/{line}", status=status, inside=folder)


def key_pair(lint):
    """80: both files, the private one for its owner alone and under the password."""
    folder, _ = cosign(lint, "cosign generate-key-pair", 0)
    private, public = (os.path.join(folder, name) for name in ("cosign.key", "cosign.pub"))
    assert os.stat(private).st_mode & 0o777 == 0o600
    with open(private) as file:
        assert file.read().startswith("-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n")
    _, shown = cosign(lint, "cosign public-key --key cosign.key", 0)
    with open(public) as file:
        assert file.read() == shown.stdout


def without_identity(lint):
    """84: an error that names the two flags, of every version that is spoken."""
    _, said = cosign(lint, "cosign verify myregistry/myimage:v1", 1)
    assert said.stdout == "" and "--certificate-identity" in said.stderr and "--certificate-oidc-issuer" in said.stderr, said.stderr


def with_key(lint):
    """81: the signature is in the registry and in the log."""
    variables, line = services(lint).line("cosign sign --key cosign.key myregistry/myimage:v1")
    _, said = cosign(lint, line, 0, variables)
    assert "tlog entry created with index: " in said.stderr and "Pushing signature to: " in said.stderr, said.stderr


def verified_with_key(lint):
    """82: JSON that names the image's digest; another key's is none."""
    world = services(lint)
    variables, line = world.line("cosign verify --key cosign.pub myregistry/myimage:v1")
    folder, said = cosign(lint, line, 0, variables)
    [one] = json.loads(said.stdout)
    assert one["critical"]["image"]["docker-manifest-digest"] == world.digest, one
    cosign(lint, "cosign generate-key-pair --output-key-prefix other", 0)
    _, said = cosign(lint, line.replace("cosign.pub", "other.pub"), 12, variables)
    assert said.stdout == "", said.stdout


def without_key(lint):
    """83: signed in the name of the token, which verifies for that name alone."""
    world = services(lint)
    variables, line = world.line("cosign sign myregistry/myimage:v1")
    cosign(lint, line, 0, variables)
    verify = f"cosign verify --certificate-oidc-issuer {world.base} --certificate-identity"
    variables, line = world.line(f"{verify} {IDENTITY} myregistry/myimage:v1")
    _, said = cosign(lint, line, 0, variables)
    [one] = json.loads(said.stdout)
    assert one["optional"] == {"Issuer": world.base, "Subject": IDENTITY}, one
    _, line = world.line(f"{verify} {IDENTITY}.evil myregistry/myimage:v1")
    cosign(lint, line, 12, variables)


LINES = {80: key_pair, 81: with_key, 82: verified_with_key, 83: without_key, 84: without_identity}
