#!/usr/bin/env python3
"""Makes the images of the two shops: examples/shop/image and examples/shop-fixed/image.

    python3 examples/make-images.py           write them
    python3 examples/make-images.py --check   say whether they are as this script makes them (exit 1 if not)

An image is an OCI layout (https://github.com/opencontainers/image-spec): blobs by digest, a manifest, and an index that
names it. Layers are plain tars without compression, every time stamp is 1970-01-01 and every owner is root, so the same
script gives the same bytes anywhere, whatever the versions of Python and zlib. Files are made up: names, modes and
package databases are those of such images, contents are next to nothing. Nothing in them runs.
"""

import hashlib
import io
import json
import pathlib
import shutil
import struct
import sys
import tarfile

HERE = pathlib.Path(__file__).resolve().parent
REGISTRY = "registry.example.com/shop/web"

OS_RELEASE = """\
PRETTY_NAME="Debian GNU/Linux 13 (trixie)"
NAME="Debian GNU/Linux"
VERSION_ID="13"
VERSION="13 (trixie)"
VERSION_CODENAME=trixie
ID=debian
"""


# -- files of a layer: {path: (mode, bytes)}; a link is (None, target); a removed file is (None, None) ----------------


def elf(name):
    """The smallest thing that is an ELF program by its header: 64 bit, little endian, x86-64, no sections."""
    ident = b"\x7fELF" + bytes([2, 1, 1, 0]) + bytes(8)
    header = ident + struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, 0, 0, 0, 0, 64, 0, 0, 0, 0, 0)
    return header + f"made up: {name}\n".encode()


def program(path, mode=0o755):
    return {path: (mode, elf(path))}


def text(path, content, mode=0o644):
    return {path: (mode, content.encode())}


def link(path, target):
    return {path: (None, target)}


def removed(path):
    """A whiteout: the file of a lower layer is no longer seen."""
    folder, _, name = path.rpartition("/")
    return {f"{folder}/.wh.{name}": (0o644, b"")}


def stanza(package, version, source=None):
    """One package of dpkg's database."""
    lines = [f"Package: {package}", "Status: install ok installed", "Architecture: amd64"]
    lines += [f"Source: {source}"] if source else []
    lines += [f"Version: {version}", "Maintainer: the example <shop@example.com>", f"Description: {package}"]
    return "\n".join(lines) + "\n"


def dpkg_status(packages):
    # dpkg ends every package with an empty line; a file that does not was cut.
    return text("var/lib/dpkg/status", "".join(stanza(*package) + "\n" for package in packages))


def dpkg_status_d(packages):
    """As distroless images keep it: one file for each package."""
    files = {}
    for package in packages:
        files |= text(f"var/lib/dpkg/status.d/{package[0]}", stanza(*package).replace("Status: install ok installed\n", ""))
    return files


def python_package(folder, name, version):
    folder = f"{folder}/{name}-{version}.dist-info"
    return text(f"{folder}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n") | text(
        f"{folder}/RECORD", f"{name.lower()}/__init__.py,,\n"
    )


def source(shop, path, at):
    """A file of the example itself, as COPY brings it."""
    return {at: (0o644, (HERE / shop / path).read_bytes())}


# -- the two shops ----------------------------------------------------------------------------------------------------

BASE = [
    ("apt", "3.0.3"),
    ("base-files", "13.8+deb13u1"),
    ("dash", "0.5.12-12"),
    ("libc6", "2.41-12", "glibc"),
    ("passwd", "1:4.17.4-2", "shadow"),
    ("zlib1g", "1:1.3.dfsg+really1.3.1-1+b1", "zlib (1:1.3.dfsg+really1.3.1-1)"),
]
INSTALLED = [
    ("gcc-14", "14.2.0-19"),
    ("libssl3t64", "3.5.1-1", "openssl"),
    ("openssl", "3.5.1-1"),
    ("python3.13", "3.13.5-2"),
    ("sudo", "1.9.16p2-2"),
]
DISTROLESS = [
    ("base-files", "13.8+deb13u7"),
    ("ca-certificates", "20250419+deb13u1"),
    ("libc6", "2.41-12+deb13u4", "glibc"),
    ("libpython3.13-minimal", "3.13.5-2+deb13u5", "python3.13"),
    ("libssl3t64", "3.5.7-1~deb13u3", "openssl"),
    ("python3.13-minimal", "3.13.5-2+deb13u5", "python3.13"),
    ("zlib1g", "1:1.3.dfsg+really1.3.1-1+deb13u1", "zlib"),
]
PASSWD = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"


def catalogue():
    """What the supplier sends: about 60 kB that nobody needs once the index is made."""
    rows = ["sku,name,price"]
    rows += [f"A{number:05},Article number {number} of the corner shop,{number * 37 % 9000 + 99}" for number in range(1200)]
    return "\n".join(rows) + "\n"


def shop():
    packages = "usr/local/lib/python3.13/dist-packages"
    return {
        "tag": "1.4.2",
        "base": "docker.io/library/debian:13",
        "steps": [
            (
                "# debian.sh --arch 'amd64' out/ 'trixie'",
                text("etc/os-release", OS_RELEASE)
                | text("etc/debian_version", "13.1\n")
                | text("etc/passwd", PASSWD)
                | dpkg_status(BASE)
                | program("usr/bin/dash")
                | link("usr/bin/sh", "dash")
                | program("usr/bin/apt")
                | program("usr/bin/apt-get")
                | program("usr/bin/dpkg")
                | program("usr/bin/passwd", 0o4755)
                | link("bin", "usr/bin"),
            ),
            (
                "RUN /bin/sh -c apt-get update && apt-get install -y python3 python3-pip openssl sudo gcc # buildkit",
                dpkg_status(sorted(BASE + INSTALLED))
                | program("usr/bin/python3.13")
                | program("usr/bin/openssl")
                | program("usr/bin/sudo", 0o4755)
                | program("usr/bin/x86_64-linux-gnu-gcc-14")
                | link("usr/bin/gcc", "x86_64-linux-gnu-gcc-14")
                | text(
                    "var/lib/apt/lists/deb.debian.org_debian_dists_trixie_main_binary-amd64_Packages",
                    "\n".join(stanza(*package) for package in BASE + INSTALLED),
                ),
            ),
            ("COPY catalogue.csv /tmp/catalogue.csv # buildkit", text("tmp/catalogue.csv", catalogue())),
            (
                "COPY requirements.txt /app/requirements.txt # buildkit",
                source("shop", "requirements.txt", "app/requirements.txt"),
            ),
            (
                "RUN /bin/sh -c pip install --break-system-packages -r /app/requirements.txt # buildkit",
                python_package(packages, "Flask", "2.2.2") | python_package(packages, "PyYAML", "5.3.1"),
            ),
            (
                "COPY app /app # buildkit",
                source("shop", "app/web.py", "app/web.py")
                | source("shop", "app/index.py", "app/index.py")
                | source("shop", "app/settings.yaml", "app/settings.yaml"),
            ),
            (
                "RUN /bin/sh -c python3 /app/index.py /tmp/catalogue.csv && rm /tmp/catalogue.csv # buildkit",
                text("app/index.json", "{}\n") | removed("tmp/catalogue.csv"),
            ),
            ("ENV SHOP_DATABASE_PASSWORD=wR7-kq2.Tn5v", None),
            ('CMD ["python3" "/app/web.py"]', None),
        ],
        "config": {
            "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin", "SHOP_DATABASE_PASSWORD=wR7-kq2.Tn5v"],
            "Cmd": ["python3", "/app/web.py"],
        },
    }


def shop_fixed():
    return {
        "tag": "1.4.3",
        "base": "gcr.io/distroless/python3-debian13:nonroot",
        "steps": [
            (
                "bazel build //python3:python3_nonroot_amd64_debian13",
                text("etc/os-release", OS_RELEASE)
                | text("etc/passwd", "nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n")
                | dpkg_status_d(DISTROLESS)
                | program("usr/bin/python3.13"),
            ),
            (
                "COPY /app /app # buildkit",
                source("shop-fixed", "app/web.py", "app/web.py")
                | source("shop-fixed", "app/settings.yaml", "app/settings.yaml")
                | source("shop-fixed", "requirements.txt", "app/requirements.txt")
                | text("app/index.json", "{}\n")
                | python_package("app/packages", "flask", "3.1.3")
                | python_package("app/packages", "PyYAML", "6.0.3"),
            ),
            ("ENV SHOP_DATABASE_PASSWORD_FILE=/run/secrets/shop/password PYTHONPATH=/app/packages", None),
            ("USER 65532", None),
            ('CMD ["/app/web.py"]', None),
        ],
        "config": {
            "User": "65532",
            "Env": [
                "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin",
                "SHOP_DATABASE_PASSWORD_FILE=/run/secrets/shop/password",
                "PYTHONPATH=/app/packages",
            ],
            "Entrypoint": ["/usr/bin/python3.13"],
            "Cmd": ["/app/web.py"],
        },
    }


# -- from files to a layout -------------------------------------------------------------------------------------------


def tar(files):
    """A tar with its folders, in byte order, without the padding to whole records that the tarfile module adds."""
    folders = {str(parent) for path in files for parent in pathlib.PurePosixPath(path).parents if str(parent) != "."}
    out = io.BytesIO()
    for path in sorted(folders | set(files)):
        info = tarfile.TarInfo(path)
        content = b""
        if path not in files:
            info.type, info.mode = tarfile.DIRTYPE, 0o1777 if path == "tmp" else 0o755
        elif files[path][0] is None:
            info.type, info.linkname, info.mode = tarfile.SYMTYPE, files[path][1], 0o777
        else:
            info.mode, content = files[path]
            info.size = len(content)
        out.write(info.tobuf(tarfile.PAX_FORMAT))
        out.write(content + bytes(-len(content) % 512))
    out.write(bytes(1024))
    return out.getvalue()


def as_json(value):
    return (json.dumps(value, indent=2) + "\n").encode()


def layout(image):
    """The files of an OCI layout, and the digest of the manifest."""
    files = {"oci-layout": as_json({"imageLayoutVersion": "1.0.0"})}

    def blob(content, media_type):
        digest = hashlib.sha256(content).hexdigest()
        files[f"blobs/sha256/{digest}"] = content
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}

    layers, history = [], []
    for made_by, content in image["steps"]:
        history.append({"created_by": made_by})
        if content is None:
            history[-1]["empty_layer"] = True
        else:
            layers.append(blob(tar(content), "application/vnd.oci.image.layer.v1.tar"))
    labels = {"org.opencontainers.image.base.name": image["base"]}
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": image["config"] | {"Labels": labels},
        # Layers are not compressed, so the digest of the tar is that of the blob.
        "rootfs": {"type": "layers", "diff_ids": [layer["digest"] for layer in layers]},
        "history": history,
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": blob(as_json(config), "application/vnd.oci.image.config.v1+json"),
        "layers": layers,
    }
    entry = blob(as_json(manifest), manifest["mediaType"])
    entry["annotations"] = {"org.opencontainers.image.ref.name": f"{REGISTRY}:{image['tag']}"}
    files["index.json"] = as_json(
        {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [entry]}
    )
    return files, entry["digest"]


def pinned(shop_name, image, digest):
    """The manifest of the mended shop names the digest: what was judged is what runs."""
    path = HERE / shop_name / "k8s/deployment.yaml"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    start = f"          image: {REGISTRY}:{image['tag']}"
    return path, "".join(f"{start}@{digest}\n" if line.startswith(start) else line for line in lines).encode()


def files_of(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def main():
    check = sys.argv[1:] == ["--check"]
    if sys.argv[1:] and not check:
        sys.exit(__doc__)
    stale = []
    # What both shops have alike is written once, in the first.
    shared = {HERE / "shop-fixed" / "loadline.yaml": (HERE / "shop/loadline.yaml").read_bytes()}
    for path in sorted((HERE / "shop/advisories").iterdir()):
        shared[HERE / "shop-fixed/advisories" / path.name] = path.read_bytes()
    for name in ["shop", "shop-fixed"]:
        shared[HERE / name / "catalogue.csv"] = catalogue().encode()
    for name, image in [("shop", shop()), ("shop-fixed", shop_fixed())]:
        files, digest = layout(image)
        if name == "shop-fixed":
            path, content = pinned(name, image, digest)
            shared[path] = content
        folder = HERE / name / "image"
        if check:
            if not folder.is_dir() or files_of(folder) != files:
                stale.append(folder)
            continue
        if folder.exists():
            shutil.rmtree(folder)
        for path, content in files.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        size = sum(map(len, files.values()))
        print(f"{name}: {REGISTRY}:{image['tag']} {digest}, {size} bytes")
    for path, content in shared.items():
        if path.is_file() and path.read_bytes() == content:
            continue
        if check:
            stale.append(path)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    for path in stale:
        print(f"{path.relative_to(HERE.parent)} is not what examples/make-images.py makes", file=sys.stderr)
    sys.exit(1 if stale else 0)


if __name__ == "__main__":
    main()
