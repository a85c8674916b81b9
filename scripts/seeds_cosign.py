"""The lines of the notes on signing (80 to 84) that work, as scripts/seeds.py runs them, through a symbolic link named cosign."""
import os

PASSWORD = "a password of the notes"


def cosign(lint, line, status):
    link = os.path.join(lint.work, "cosign")
    if not os.path.lexists(link):
        os.symlink(lint.plimsoll, link)
    folder = os.path.join(lint.work, "signing")
    os.makedirs(folder, exist_ok=True)
    return folder, lint.run(f"COSIGN_PASSWORD='{PASSWORD}' {lint.work}/{line}", status=status, inside=folder)


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


LINES = {80: key_pair, 84: without_identity}
