"""Hostile inputs, one after the other. Run by bad-input.sh: PROGRAM WORK POLICY.

Each case makes its input below WORK and gives the arguments. The policy denies nothing, so that what keeps a case from
"allowed" is that the fault was noticed. How to add one: a function decorated with @case.
"""
import gzip
import hashlib
import io
import json
import os
import resource
import shutil
import subprocess
import sys
import tarfile
import zlib

PROGRAM, WORK, POLICY = (os.path.abspath(argument) for argument in sys.argv[1:4])
SECONDS = 60
MEMORY = 3 << 30  # address space: threads and memory maps count, so this is far above what is really used
CASES = []


def case(function):
    CASES.append(function)
    return function


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def tar(files):
    """(name, content or TarInfo) pairs to a tar."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in files:
            if isinstance(content, tarfile.TarInfo):
                content.name = name
                archive.addfile(content)
            else:
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def link(target, kind=tarfile.SYMTYPE):
    info = tarfile.TarInfo()
    info.type, info.linkname = kind, target
    return info


def layout(folder, plain, blob=None, diff_id=None, lie=None):
    """An image of one layer; `blob` its stored bytes, `lie` what to store in its place."""
    blobs = os.path.join(folder, "blobs", "sha256")
    os.makedirs(blobs)

    def put(data, stored=None):
        name = digest(data)
        with open(os.path.join(blobs, name[7:]), "wb") as file:
            file.write(data if stored is None else stored)
        return {"digest": name, "size": len(data)}

    blob = gzip.compress(plain) if blob is None else blob
    layer = {"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", **put(blob, lie)}
    config = {
        "architecture": "amd64", "os": "linux", "config": {"User": "1000"},
        "rootfs": {"type": "layers", "diff_ids": [diff_id or digest(plain)]},
    }
    config = {"mediaType": "application/vnd.oci.image.config.v1+json", **put(json.dumps(config).encode())}
    kind = "application/vnd.oci.image.manifest.v1+json"
    manifest = {"schemaVersion": 2, "mediaType": kind, "config": config, "layers": [layer]}
    entry = {"mediaType": kind, **put(json.dumps(manifest).encode())}
    write(folder, "index.json", json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    write(folder, "oci-layout", '{"imageLayoutVersion": "1.0.0"}')
    return ["image", "--input", folder]


def write(folder, name, content):
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
    return path


DEBIAN = b'ID=debian\nVERSION_ID="12"\n'
STATUS = b"Package: bash\nStatus: install ok installed\nVersion: 5.2-1\nArchitecture: amd64\n\n"
BASE = [("etc/os-release", DEBIAN), ("var/lib/dpkg/status", STATUS)]


@case
def layer_with_other_bytes(d):
    return layout(d, tar(BASE), lie=gzip.compress(tar([])))


@case
def diff_id_that_lies(d):
    return layout(d, tar(BASE), diff_id=digest(b"other"))


@case
def layer_cut_in_half(d):
    plain = tar(BASE)
    blob = gzip.compress(plain)
    return layout(d, plain, blob=blob[: len(blob) // 2])


@case
def tar_cut_in_a_file(d):
    return layout(d, tar(BASE)[:700])


@case
def gzip_with_a_wrong_checksum(d):
    blob = bytearray(gzip.compress(tar(BASE)))
    blob[-6] ^= 1
    return layout(d, tar(BASE), blob=bytes(blob))


@case
def gzip_bomb_of_ten_gigabytes(d):
    info = tarfile.TarInfo("zeros")
    info.size = 10 << 30
    # Full flushes end every block on a byte: one packed block of zeros may stand any number of times.
    pack = zlib.compressobj(9, zlib.DEFLATED, -15)
    head = pack.compress(info.tobuf(tarfile.PAX_FORMAT)) + pack.flush(zlib.Z_FULL_FLUSH)
    zeros = pack.compress(bytes(1 << 20)) + pack.flush(zlib.Z_FULL_FLUSH)
    blob = b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + head + zeros * (10 << 10)
    return layout(d, b"", blob=blob)


@case
def names_that_leave_the_root(d):
    return layout(d, tar(BASE + [("../../evil", b"x"), ("/abs", b"y")]))


@case
def folder_that_is_a_loop_of_links(d):
    return layout(d, tar(BASE + [("a", link("b")), ("b", link("a")), ("a/file", b"x")]))


@case
def database_behind_a_loop_of_links(d):
    return layout(d, tar([BASE[0], ("var/lib/dpkg/status", link("status"))]))


@case
def hard_link_to_nothing(d):
    return layout(d, tar(BASE + [("a", link("gone", tarfile.LNKTYPE))]))


@case
def dpkg_status_cut_in_half(d):
    return layout(d, tar([BASE[0], ("var/lib/dpkg/status", (STATUS * 3)[:-40])]))


@case
def dpkg_status_that_is_no_text(d):
    return layout(d, tar([BASE[0], ("var/lib/dpkg/status", bytes(range(256)) * 9)]))


@case
def apk_database_cut(d):
    return layout(d, tar([("etc/os-release", b"ID=alpine\nVERSION_ID=3.19.0\n"), ("lib/apk/db/installed", b"C:Q1\nP:musl\nV:1.2")]))


@case
def rpm_database_cut(d):
    return layout(d, tar([("etc/os-release", b"ID=rocky\nVERSION_ID=9\n"), ("var/lib/rpm/rpmdb.sqlite", b"SQLite format 3\0" + bytes(2000))]))


@case
def unknown_distribution(d):
    return layout(d, tar([("etc/os-release", b"ID=nonesuch\nVERSION_ID=1\n"), BASE[1]]))


@case
def jar_of_garbage(d):
    return layout(d, tar(BASE + [("app.jar", b"PK\3\4" + b"\xff" * 999)]))


@case
def index_that_points_to_itself(d):
    name = "0" * 64
    entry = {"mediaType": "application/vnd.oci.image.index.v1+json", "digest": "sha256:" + name, "size": 200}
    index = json.dumps({"schemaVersion": 2, "manifests": [entry]})
    write(d, "index.json", index)
    write(d, "oci-layout", '{"imageLayoutVersion": "1.0.0"}')
    write(d, f"blobs/sha256/{name}", index)
    return ["image", "--input", d]


@case
def archive_cut_in_half(d):
    data = tar([("manifest.json", b'[{"Config":"c.json","Layers":["l.tar"],"RepoTags":null}]'), ("c.json", b"{}"), ("l.tar", tar(BASE))])
    return ["image", "--input", write(d, "image.tar", data[:2000])]


@case
def archive_with_a_path_as_config(d):
    data = tar([("manifest.json", b'[{"Config":"../../etc/passwd","Layers":[],"RepoTags":null}]')])
    return ["image", "--input", write(d, "image.tar", data)]


@case
def cut_image_archive_below_a_path(d):
    data = tar([("manifest.json", b'[{"Config":"c.json","Layers":["l.tar"],"RepoTags":null}]'), ("c.json", b"{}")])
    write(d, "image.tar", data[:1300])
    return ["check", "--offline", d]


POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: %s}]}\n"


@case
def image_name_with_control_characters(d):
    write(d, "pod.yaml", POD % r'"evil\e[2J\a:1"')
    return ["check", "--offline", d]


@case
def yaml_of_a_hundred_megabytes(d):
    write(d, "pod.yaml", POD % "a" + "#" * (100 << 20))
    return ["check", "--offline", d]


@case
def yaml_of_a_billion_laughs(d):
    lines = "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 40))
    write(d, "pod.yaml", POD % "a" + "a0: &a0 [x]\n" + lines)
    return ["check", "--offline", d]


@case
def yaml_of_a_chain_of_aliases(d):
    write(d, "pod.yaml", POD % "a" + "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 100_000)))
    return ["check", "--offline", d]


@case
def manifest_named_like_a_policy(d):
    write(d, "deploy/loadline.yaml", POD % "registry.example.com/hidden")
    return ["check", "--offline", d]


@case
def image_behind_a_merge(d):
    write(d, "pod.yaml", "apiVersion: v1\nkind: Pod\nx: &x {image: hidden}\nspec:\n  containers:\n  - <<: *x\n    name: c\n")
    return ["check", "--offline", d]


@case
def json_of_brackets(d):
    return ["sbom", "--judge", write(d, "x.cdx.json", '{"bomFormat":"CycloneDX","components":' + "[" * 100_000)]


@case
def sbom_without_components(d):
    return ["sbom", "--judge", write(d, "x.cdx.json", '{"bomFormat":"CycloneDX","specVersion":"1.6"}')]


@case
def lockfile_cut(d):
    write(d, "package-lock.json", '{"lockfileVersion":3,"packages":{"":{},"node_modules/a":{"version":"1')
    return ["fs", d]


@case
def root_folder_of_pipes_and_links(d):
    os.mkfifo(os.path.join(d, "pipe"))
    os.symlink("/", os.path.join(d, "root"))
    write(d, "etc/os-release", DEBIAN)
    write(d, "var/lib/dpkg/status", STATUS[:-30])
    with open(os.path.join(d, "sparse"), "wb") as file:
        file.truncate(1 << 40)
    return ["rootfs", d]


@case
def policy_of_laughs(d):
    lines = "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 40))
    return ["policy", "check", write(d, "p.yaml", "apiVersion: plimsoll.dev/v1alpha1\nkind: LoadLine\na0: &a0 [x]\n" + lines)]


@case
def policy_that_includes_itself(d):
    text = "apiVersion: plimsoll.dev/v1alpha1\nkind: LoadLine\nmetadata: {name: a}\ninclude: [p.yaml]\n"
    return ["policy", "check", write(d, "p.yaml", text)]


@case
def database_of_garbage(d):
    return ["image", "--db", write(d, "x.db", b"\xff" * 9999), "--input", "examples/shop-fixed/image"]


def bounded():
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main():
    faults = 0
    chosen = sys.argv[4:]  # names of cases: these alone
    for function in CASES:
        if chosen and function.__name__ not in chosen:
            continue
        name = function.__name__
        folder = os.path.join(WORK, name)
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        arguments = function(folder)
        if arguments[0] != "policy":
            arguments[1:1] = ["--policy", POLICY]
        environment = {"HOME": WORK, "CI": "true", "PATH": os.environ["PATH"]}
        try:
            run = subprocess.run(
                [PROGRAM, *arguments], env=environment, capture_output=True, timeout=SECONDS, preexec_fn=bounded
            )
            status, text = run.returncode, run.stdout + run.stderr
        except subprocess.TimeoutExpired:
            status, text = "timeout", b""
        good = status in (1, 2) and text.strip() and b"panicked" not in text and b"\x1b[2J" not in text
        words = [line for line in text.decode("utf-8", "replace").splitlines() if "could not" in line or "COULD NOT" in line]
        print(f"{'ok  ' if good else 'FAIL'} {name}: {status} {words[-1].strip()[:150] if words else ''}", flush=True)
        faults += not good
        shutil.rmtree(folder, ignore_errors=True)
    if faults:
        sys.exit(f"{faults} of {len(CASES)} bad inputs were not refused as they should be")
    print(f"say: {len(CASES)} bad inputs, each with a clear word")


main()
