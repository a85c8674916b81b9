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


# --- The linters: each input is given to every command that reads its kind of file. ---

DOCKERFILE = [["lint"], ["hadolint"]]
MANIFEST = [["lint"], ["kubesec", "scan"]]
ALL = [*DOCKERFILE, MANIFEST[1]]


def linted(commands, name):
    """A function that makes one input in a folder and gives its path; a case for each command."""
    def cases(function):
        for command in commands:
            def one(d, command=command):
                return [*command, function(d, name)]
            one.__name__ = f"{command[0]}_of_{function.__name__}"
            CASES.append(one)
        return function
    return cases


DEPLOYMENT = """apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: c, image: a}]
"""


def dockerfile(function):
    return linted(DOCKERFILE, "Dockerfile")(lambda_named(function))


def manifest(function):
    return linted(MANIFEST, "pod.yaml")(lambda_named(function))


def lambda_named(function):
    def make(d, name):
        return write(d, name, function())
    make.__name__ = function.__name__
    return make


@dockerfile
def binary_dockerfile():
    return b"FROM a\n" + bytes(range(256)) * 400


@dockerfile
def garbage_of_a_hundred_megabytes():
    return bytes(range(1, 256)) * (100 << 12)


@dockerfile
def line_of_a_hundred_megabytes():
    return b"FROM " + b"a" * (100 << 20)


@dockerfile
def dockerfile_of_a_hundred_megabytes():
    return b"FROM debian\n" + b"RUN apt-get install curl\n" * (4 << 20)


@dockerfile
def dockerfile_of_fifteen_megabytes():
    return b"FROM debian\n" + b"RUN apt-get install curl\n" * 600_000


@dockerfile
def line_of_fifteen_megabytes():
    return b"FROM debian\nRUN apt-get install " + b"curl " * (3 << 20)


@dockerfile
def run_of_ten_thousand_lines():
    return "FROM debian\nRUN true" + "".join(f" \\\n  && apt-get install -y a{i}" for i in range(10_000)) + "\n"


@dockerfile
def thousand_stages():
    return "FROM debian AS s0\n" + "".join(f"FROM s{i} AS s{i + 1}\nCOPY --from=s{i} a b\n" for i in range(1000))


@dockerfile
def dockerfile_that_is_not_utf8():
    return b"FROM debian\nRUN echo \xff\xfe\xe9\n"


@dockerfile
def dockerfile_with_a_mark_and_crlf():
    return b"\xef\xbb\xbfFROM debian\r\nRUN apt-get update \\\r\n  && apt-get install curl\r\n"


@dockerfile
def dockerfile_of_tabs():
    return "FROM\tdebian\nRUN\tapt-get\tinstall\tcurl\n\tRUN\tx\n"


@dockerfile
def shell_of_open_brackets():
    return "FROM debian\nRUN " + "$(" * 100_000 + "\nRUN " + "{ ( " * 100_000 + "\nRUN " + "\"`" * 100_000 + "\n"


@dockerfile
def here_documents_without_an_end():
    return "FROM debian\n" + "RUN <<A <<B <<C\n" * 5_000


@dockerfile
def dockerfile_with_control_characters():
    return "FROM debian AS x\x1b[2J\nRUN apt-get install \x1b[2J\x07\nFRO\x1b[2JM x\n"


@dockerfile
def json_of_a_hundred_thousand_brackets():
    return "FROM debian\nCMD " + "[" * 100_000 + "\nENTRYPOINT [" + '"a",' * 100_000 + "\n"


@dockerfile
def empty_dockerfile():
    return ""


@manifest
def binary_manifest():
    return b"apiVersion: v1\nkind: Pod\n" + bytes(range(256)) * 400


@manifest
def manifest_of_a_hundred_megabytes():
    return (DEPLOYMENT + "---\n").encode() * ((100 << 20) // 200)


@manifest
def manifest_of_one_line_and_a_hundred_megabytes():
    return b'{"apiVersion": "v1", "kind": "Pod", "spec": {"x": "' + b"a" * (100 << 20) + b'"}}'


@manifest
def manifest_garbage_of_a_hundred_megabytes():
    return b"apiVersion: v1\nkind: Pod\n" + bytes(range(1, 256)) * (100 << 12)


@manifest
def ten_thousand_documents():
    return (DEPLOYMENT + "---\n") * 10_000


@manifest
def billion_laughs():
    return POD % "a" + "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 40))


@manifest
def containers_of_a_billion_laughs():
    lines = "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 40))
    return "apiVersion: v1\nkind: Pod\na0: &a0 {name: c, image: a}\n" + lines + "spec: {containers: *a39}\n"


@manifest
def anchor_within_itself():
    return POD % "a" + "x: &x [*x]\ny: &y {z: *y}\n"


@manifest
def keys_that_stand_twice():
    return "apiVersion: v1\nkind: Pod\nkind: Service\nspec: {containers: [{image: a, image: b}]}\n"


@manifest
def hundred_thousand_keys_that_are_alike():
    return "apiVersion: v1\nkind: Pod\nspec:\n" + "  a: 1\n" * 100_000


@manifest
def unknown_version():
    return (POD % "a").replace("v1", "example.com/v9alpha99") + "---\n" + (POD % "a").replace("v1", "x" * 100_000)


@manifest
def manifest_of_brackets():
    return POD % "a" + "x: " + "[" * 100_000 + "\n---\n" + POD % "b" + "x: " + "{a: " * 100_000


@manifest
def manifest_with_tabs_a_mark_and_crlf():
    return "\ufeff" + DEPLOYMENT.replace("\n", "\r\n") + "---\r\n" + DEPLOYMENT.replace("  ", "\t")


@manifest
def manifest_that_is_not_utf8():
    return b"apiVersion: v1\nkind: Pod\nmetadata: {name: \xff\xe9}\n"


@manifest
def manifest_with_control_characters():
    return POD % r'"evil\e[2J\a:1"' + 'x\x1b[2J: "\\e[2J"\n'


@manifest
def indentation_of_a_megabyte():
    return POD % "a" + "".join(" " * i + f"a{i}:\n" for i in range(1_400))


@linted([MANIFEST[1]], "pod.yaml")
def empty_manifest(d, name):
    return write(d, name, "")


@linted(ALL, "x")
def missing_file(d, name):
    return os.path.join(d, name)


@linted(ALL, "x")
def empty_folder(d, name):
    os.mkdir(os.path.join(d, name))
    return os.path.join(d, name)


@linted(ALL, "pod.yaml")
def pipe_that_nobody_writes_to(d, name):
    os.mkfifo(os.path.join(d, name))
    return os.path.join(d, name)


@linted(ALL, "")
def device_without_an_end(d, name):
    return "/dev/zero"


@linted(ALL, "Dockerfile")
def link_to_itself(d, name):
    os.symlink(name, os.path.join(d, name))
    return os.path.join(d, name)


@linted(ALL, "Dockerfile")
def unreadable_file(d, name):
    # Root may read everything, but for what the kernel itself refuses.
    if os.geteuid() == 0:
        return "/proc/self/mem"
    path = write(d, name, "FROM debian\n")
    os.chmod(path, 0)
    return path


@case
def folder_of_bad_files_to_lint(d):
    write(d, "a/Dockerfile", b"\0")
    os.mkfifo(os.path.join(d, "a", "pipe.yaml"))
    os.symlink("..", os.path.join(d, "a", "up"))
    os.symlink("gone", os.path.join(d, "a", "gone.yaml"))
    os.symlink("loop.yaml", os.path.join(d, "a", "loop.yaml"))
    write(d, "b/pod.yaml", POD % "a")
    return ["lint", d]


@case
def chart_of_hostile_files(d):
    write(d, "Chart.yaml", "apiVersion: v2\nname: x\nversion: 1.0.0\n")
    write(d, "templates/a.yaml", POD % "{{ range until 1000000000 }}a{{ end }}")
    os.symlink("/etc/passwd", os.path.join(d, "templates", "b.yaml"))
    return ["lint", d]


@case
def overlay_that_is_fetched(d):
    write(d, "kustomization.yaml", "resources: [pod.yaml, 'https://127.0.0.1:1/a.yaml', ., ..]\n")
    write(d, "pod.yaml", POD % "a")
    return ["lint", d]


LAUGHS = "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 40))
TEMPLATE = """apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: asks}
spec:
  crd: {spec: {names: {kind: Asks}}}
  targets:
  - target: admission.k8s.gatekeeper.sh
    rego: |
      package asks
      violation[{"msg": "asked"}] { %s }
"""
CONSTRAINT = "apiVersion: constraints.gatekeeper.sh/v1beta1\nkind: Asks\nmetadata: {name: asks}\n"
# A product of ranges, which ends with its budget.
ENDLESS = "numbers.range(1, 100000)[a]; numbers.range(1, 100000)[b]; numbers.range(1, 100000)[c]; a * b * c == -1"
RULE = "package main\n\ndeny contains \"x\" if input.nothing\n"


def judged(d, sets, *more):
    """A pod by a LoadLine of these sets of policies; its image is nobody's business."""
    images = 'images: [{name: all, match: ["**"], mode: audit, soften: true}]\n'
    text = f"apiVersion: plimsoll.dev/v1alpha1\nkind: LoadLine\nmetadata: {{name: x}}\npolicies: [{sets}]\n{images}"
    policy = write(d, "loadline.yaml", text)
    write(d, "objects/pod.yaml", POD % "127.0.0.1:1/a:1")
    return ["check", "--offline", *more, "--policy", policy, os.path.join(d, "objects")]


@case
def gatekeeper_policies_of_a_billion_laughs(d):
    write(d, "set/a.yaml", TEMPLATE % "true" + "x:\n" + "".join(f"  {line}\n" for line in LAUGHS.splitlines()))
    return judged(d, "{gatekeeper: set/}")


@case
def cel_policies_of_a_billion_laughs(d):
    policy = "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingAdmissionPolicy\nmetadata: {name: a}\n"
    write(d, "set/a.yaml", policy + LAUGHS + "spec: {validations: *a39}\n")
    return judged(d, "{cel: set/}")


@case
def rego_data_of_a_billion_laughs(d):
    write(d, "set/a.rego", "package p\n\ndeny contains \"x\" if data.a39.nothing\n")
    write(d, "set/data.yaml", LAUGHS)
    return judged(d, "{rego: set/}")


@case
def rego_policies_of_brackets(d):
    write(d, "set/a.rego", "package p\n\ndeny contains x if x := " + "[" * 1_000_000)
    return judged(d, "{rego: set/}")


@case
def cel_expression_of_brackets(d):
    spec = "spec: {matchConstraints: {resourceRules: [{apiGroups: ['*'], apiVersions: ['*'], operations: ['*'], resources: ['*']}]}, validations: [{expression: '%s'}]}"
    policy = "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingAdmissionPolicy\nmetadata: {name: a}\n"
    binding = "---\napiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingAdmissionPolicyBinding\nmetadata: {name: b}\nspec: {policyName: a, validationActions: [Deny]}\n"
    write(d, "set/a.yaml", policy + spec % ("(" * 1_000_000) + "\n" + binding)
    return judged(d, "{cel: set/}")


@case
def template_whose_loop_does_not_end(d):
    write(d, "set/a.yaml", TEMPLATE % ENDLESS + "---\n" + CONSTRAINT)
    return judged(d, "{gatekeeper: set/}")


@case
def template_whose_regexp_does_not_end(d):
    # Of a backtracking matcher it would be the end; here it does not match, and the pod is denied for it.
    regexp = 'letters := concat("", [x | numbers.range(1, 100000)[_]; x := "a"]); not regex.match("^(a+)+$", concat("", [letters, "b"]))'
    write(d, "set/a.yaml", TEMPLATE % regexp + "---\n" + CONSTRAINT)
    return judged(d, "{gatekeeper: set/}")


@case
def gator_test_of_a_billion_laughs(d):
    write(d, "all.yaml", TEMPLATE % "true" + "---\n" + CONSTRAINT + "---\n" + POD % "a" + LAUGHS)
    return ["gator", "test", "-f", d]


@case
def gator_suite_that_names_itself(d):
    # As its template, its constraint and its object, in folders that lead back to themselves.
    case = "{name: a, object: suite.yaml, inventory: [suite.yaml, loop/suite.yaml], assertions: [{violations: 'no'}]}"
    test = f"{{name: a, template: suite.yaml, constraint: suite.yaml, cases: [{case}]}}"
    write(d, "suite.yaml", f"apiVersion: test.gatekeeper.sh/v1alpha1\nkind: Suite\ntests: [{test}]\n")
    os.symlink(".", os.path.join(d, "loop"))
    return ["gator", "verify", d + "/..."]


@case
def gator_suite_of_brackets(d):
    write(d, "suite.yaml", "apiVersion: test.gatekeeper.sh/v1alpha1\nkind: Suite\ntests: " + "[" * 1_000_000)
    return ["gator", "verify", d]


@case
def conftest_files_of_a_billion_laughs(d):
    write(d, "policy/a.rego", RULE)
    write(d, "a.yaml", LAUGHS)
    return ["conftest", "test", "-p", os.path.join(d, "policy"), os.path.join(d, "a.yaml")]


@case
def conftest_data_of_a_billion_laughs(d):
    write(d, "policy/a.rego", RULE)
    write(d, "a.json", "{}")
    data = write(d, "data/a.yaml", LAUGHS)
    return ["conftest", "test", "-p", os.path.join(d, "policy"), "-d", data, os.path.join(d, "a.json")]


@case
def conftest_files_that_nest_without_end(d):
    write(d, "policy/a.rego", RULE)
    files = [write(d, name, text) for name, text in [("a.json", "[" * 1_000_000), ("b.toml", "a = " + "[" * 1_000_000), ("c.xml", "<a>" * 1_000_000)]]
    return ["conftest", "test", "-p", os.path.join(d, "policy"), *files]


@case
def conftest_rule_that_makes_more_and_more(d):
    doubled = "".join(f'a{n + 1} := concat("", [a{n}, a{n}])\n\n' for n in range(60))
    write(d, "policy/a.rego", f'package main\n\na0 := "xxxx"\n\n{doubled}deny contains "x" if count(a60) < 0\n')
    write(d, "a.json", "{}")
    return ["conftest", "test", "-p", os.path.join(d, "policy"), os.path.join(d, "a.json")]


@case
def policy_test_of_a_billion_laughs(d):
    write(d, "set/a.rego", RULE)
    judged(d, "{rego: set/}")
    cases = write(d, "cases.yaml", LAUGHS)
    return ["policy", "test", "--policy", os.path.join(d, "loadline.yaml"), cases]


@case
def record_of_garbage(d):
    record = write(d, "record.jsonl", b"\xff\0{\n" * 10_000 + b"[" * 1_000_000 + b"\n" + b'{"a": 1}\n\x1b[2J\n')
    return ["policy", "replay", "--against", POLICY, record]


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
        if arguments[0] not in ("policy", "lint", "hadolint", "kubesec", "gator", "conftest") and "--policy" not in arguments:
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
