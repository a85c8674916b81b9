#!/usr/bin/env python3
"""Holds `plimsoll conftest` against the real conftest: the same command lines over the same files must print the same and end
with the same status, and each parser must make the same of the same texts.
Usage: scripts/peers/conftest.py PLIMSOLL FOLDER [lines|formats|manifests|bundles], where FOLDER is that of
scripts/peers/build-policies.sh. Manifests are 200 of our own, the same each time, under policies of every kind. Bundles are pushed
to a docker-registry (Debian's) on loopback.

Go walks its maps in any order: files, modules and suites come in any, and are compared without one. Times and versions are
taken out of both, and of errors the words of parsers, which are ours: that there is one, and where, is compared.
"""
import concurrent.futures
import hashlib
import http.server
import importlib.util
import json
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "e2e/policies/conftest"
FORMATS = ["stdout", "json", "tap", "table", "junit", "github", "azuredevops", "sarif"]

# Command lines; each of the first kind is run with every format.
REPORTS = [
    "test deploy.yaml",
    "test good.yaml",
    "test -n nothing deploy.yaml",
    "test -n no* deploy.yaml",
    "test --combine -p combined deploy.yaml multi.yaml",
    "verify",
    "test -p places deploy.yaml",
]
LINES = [
    "test",
    "test nowhere.yaml",
    "test -p nowhere deploy.yaml",
    "test -p empty deploy.yaml",
    "test --no-color deploy.yaml",
    "test --no-color good.yaml multi.yaml deploy.yaml",
    "test --fail-on-warn --no-color deploy.yaml",
    "test --fail-on-warn --no-color -p warn deploy.yaml",
    "test --fail-on-warn --no-color good.yaml",
    "test --no-fail --no-color deploy.yaml",
    "test --no-fail=false --no-color deploy.yaml",
    "test --quiet good.yaml",
    "test --quiet deploy.yaml",
    "test --quiet --no-fail good.yaml",
    "test --suppress-exceptions --no-color good.yaml",
    "test --suppress-exceptions -o json good.yaml",
    "test --all-namespaces --no-color -p policy -p spaces deploy.yaml",
    "test -n main,spaces.one --no-color -p policy -p spaces deploy.yaml",
    "test -n main -n spaces.one --no-color -p policy,spaces deploy.yaml",
    "test -n spaces.* --no-color -p spaces deploy.yaml",
    "test -n spaces.on? --no-color -p spaces deploy.yaml",
    "test -n spaces.[ot]* --no-color -p spaces deploy.yaml",
    "test -n [ --no-color -p spaces deploy.yaml",
    "test -p v0 deploy.yaml",
    "test -p v0 --rego-version v0 --no-color deploy.yaml",
    "test --rego-version V0 -p v0 --no-color deploy.yaml",
    "test --rego-version v3 deploy.yaml",
    "test -p broken deploy.yaml",
    "test -p unsafe deploy.yaml",
    "test -p unused --no-color deploy.yaml",
    "test -p unused --strict deploy.yaml",
    "test -p nomsg deploy.yaml",
    "test -p odd --no-color deploy.yaml",
    "test -p iffy deploy.yaml",
    "test -p failing --no-color deploy.yaml",
    "test -p failing --show-builtin-errors deploy.yaml",
    "test -p prints --no-color deploy.yaml",
    "test -p prints -o json deploy.yaml",
    "test -p file --no-color deploy.yaml",
    "test -p data -d data --no-color deploy.yaml",
    "test -p data -d data/limits.yaml --no-color deploy.yaml",
    "test -p data --no-color deploy.yaml",
    "test -p data -d nowhere deploy.yaml",
    "test -p config --no-color deploy.yaml",
    "test -p files --no-color deploy.yaml",
    "test --parser yaml --no-color deploy.txt",
    "test deploy.txt",
    "test --parser nothing deploy.yaml",
    "test --ignore deploy --no-color deploy.yaml",
    "test --ignore d[ --no-color deploy.yaml",
    "test --ignore multi -o json folder",
    "test -o json folder",
    "test --combine -p combined --no-color folder",
    "test --combine -o json -p combined good.yaml multi.yaml",
    "test -o nothing deploy.yaml",
    "test --junit-hide-message -o junit deploy.yaml",
    "test --github-hide-passed -o github deploy.yaml good.yaml",
    "test --github-hide-passed -o github -p warn multi.yaml",
    "test --config-file settings.toml deploy.yaml",
    "test --config-file settings.yaml deploy.yaml",
    "test --config-file nowhere.toml deploy.yaml",
    "test --config-file settings.toml -o tap deploy.yaml",
    "test --capabilities capabilities.json -p data -d data --no-color deploy.yaml",
    "test --capabilities nowhere.json deploy.yaml",
    "test -p docker --no-color Dockerfile",
    "test -p docker --no-color --parser dockerfile Dockerfile.broken",
    "test -p policy --no-color numbers.json",
    "test -p numbers --no-color numbers.json",
    "test -p numbers --no-color numbers.toml",
    "test --no-color bad.yaml",
    "test --no-color bad.json",
    "verify --no-color",
    "verify --quiet",
    "verify -p passing --quiet",
    "verify -p passing --no-color",
    "verify -p passing --report full",
    "verify -p passing --report notes",
    "verify -n main --no-color",
    "verify -n other --no-color",
    "verify -p erring --no-color",
    "verify -p erring --show-builtin-errors --no-color",
    "verify --report full -o json",
    "verify -p nowhere",
    "verify -p data -d data --no-color",
    "parse",
    "parse deploy.yaml",
    "parse multi.yaml",
    "parse deploy.yaml multi.yaml",
    "parse --combine deploy.yaml multi.yaml",
    "parse numbers.json",
    "parse numbers.toml",
    "parse Dockerfile",
    "parse --parser yaml deploy.txt",
    "parse --parser json deploy.yaml",
    "parse deploy.txt",
    "parse nowhere.yaml",
    "parse folder",
    "fmt --check formatted",
    "fmt --check policy",
    "fmt --check v0",
    "fmt --check --rego-version v0 v0",
    "fmt nowhere",
    "fmt --check --rego-version x policy",
    "doc",
    "doc policy",
    "doc deploy.yaml",
    "doc nowhere",
    "doc annotated -o OUT",
    "reformat -o table report.json",
    "reformat -o junit report.json",
    "reformat -o github report.json",
    "reformat -o sarif report.json",
    "reformat report.json",
    "reformat bad.json",
    "pull",
    "push",
    "push noslash",
]
# (standard input, environment, command line)
SET = [
    ("deploy.yaml", {}, "test --no-color -"),
    ("deploy.yaml", {}, "test -o json -"),
    ("deploy.yaml", {}, "test -o tap --stdin-filename live.yaml -"),
    ("deploy.yaml", {}, "test -o github -"),
    ("numbers.toml", {}, "test --parser toml -p numbers --no-color -"),
    ("deploy.yaml", {}, "parse -"),
    ("report.json", {}, "reformat -o tap"),
    (None, {"CONFTEST_NO_COLOR": "true"}, "test deploy.yaml"),
    (None, {"CONFTEST_FAIL_ON_WARN": "1", "CONFTEST_NO_COLOR": "1"}, "test deploy.yaml"),
    (None, {"CONFTEST_OUTPUT": "tap"}, "test deploy.yaml"),
    (None, {"CONFTEST_OUTPUT": "tap"}, "test -o json deploy.yaml"),
    (None, {"CONFTEST_POLICY": "warn,v0", "CONFTEST_REGO_VERSION": "v0", "CONFTEST_NO_COLOR": "1"}, "test deploy.yaml"),
    (None, {"CONFTEST_NAMESPACE": "spaces.one", "CONFTEST_POLICY": "spaces", "CONFTEST_OUTPUT": "tap"}, "test deploy.yaml"),
    (None, {"CONFTEST_CONFIG_FILE": "settings.toml"}, "test deploy.yaml"),
]


def run(program, line, out, environment, stdin):
    arguments = [word.replace("OUT", out) for word in line.split()]
    given = (FOLDER / stdin).read_bytes() if stdin else b""
    done = subprocess.run([*program, *arguments], cwd=FOLDER, input=given, capture_output=True, timeout=120,
                          env={**os.environ, **environment})
    pages = "".join(page.read_text() for page in sorted(Path(out).glob("*.md")))
    return done.returncode, done.stdout.decode() + pages, done.stderr.decode()


def plain(text):
    if text.startswith('{"version"'):
        # SARIF's rules come in the order in which they are first met.
        report = json.loads(text)
        for run in report["runs"]:
            for result in run["results"]:
                result["ruleIndex"] = run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"]
            run["results"].sort(key=json.dumps)
            run["tool"]["driver"]["rules"].sort(key=json.dumps)
        text = json.dumps(report, separators=(",", ":"))
    text = re.sub(r'value="(go1[0-9.]*|plimsoll [0-9.]*)"', 'value="V"', text)
    text = re.sub(r'"version":"(dev|0\.71\.1)"', '"version":"V"', text)
    text = re.sub(r"\(\d[\d.]*(ns|µs|ms|s)\)", "(T)", text)
    text = re.sub(r"\b\d+(?= \S*live)", "N", text)
    # Numbers of TAP, of files in any order.
    text = re.sub(r"(?m)^((?:not )?ok) \d+", r"\1 N", text)
    return sorted(line.rstrip() for line in text.splitlines() if line.strip())


def decoded(text):
    """Our GitHub's, TAP's and Azure's lines with what we escape, on purpose, as conftest prints it."""
    if text.startswith("::group::"):
        return re.sub(r"%(0A|0D|25)", lambda code: chr(int(code[1], 16)), text)
    return text.replace("\\n", "\n") if re.match(r"1\.\.\d|##\[", text) else text


def error(text):
    """The first line of an error, as far as it is conftest's own words."""
    line = next((line for line in text.splitlines() if line.startswith("Error: ")), "")
    # The words of Go's parsers and of its operating system are not ours.
    line = re.sub(r"(parser unmarshal: [a-z -]*: ).*?, path: ([^:]*).*", r"\1…, path: \2", line)
    line = re.sub(r"(error reading config: |failed to parse JSON input: |couldn't be parsed :|load capabilities: ).*", r"\1…", line)
    # Errors of builtins are printed as Go prints structures.
    line = re.sub(r"\{Code:(\S+) Message:(.*?) Location:(\S+) StackTrace:.*?\}", r"\3: \1: \2", line)
    line = re.sub(r"(parse dockerfile|process dockerfile instructions): .*", "dockerfile: …", line)
    return re.sub(r"unmarshal dockerfile.*|parser unmarshal: dockerfile.*", "dockerfile", line)


def lines(ours, real):
    differ = 0
    sets = [(None, {}, line) for line in LINES]
    sets += [(None, {}, f"{line} -o {format}") for line in REPORTS for format in FORMATS]
    for stdin, environment, line in sets + SET:
        with tempfile.TemporaryDirectory() as a, tempfile.TemporaryDirectory() as b:
            status, out, err = run([ours, "conftest"], line, a, environment, stdin)
            wanted, real_out, real_err = run([real], line, b, environment, stdin)
        out = decoded(out)
        if (status, plain(out), error(err)) != (wanted, plain(real_out), error(real_err)):
            differ += 1
            print(f"DIFFERS {environment or ''} {line}: status {status}, conftest's {wanted}")
            mine, theirs = plain(out), plain(real_out)
            for text in [l for l in mine if l not in theirs][:6]:
                print(f"  ours      {text[:300]}")
            for text in [l for l in theirs if l not in mine][:6]:
                print(f"  conftest  {text[:300]}")
            if error(err) != error(real_err):
                print(f"  ours      {error(err)[:300]}\n  conftest  {error(real_err)[:300]}")
    print(f"say: {len(sets + SET)} command lines of conftest compared, {differ} differ")
    return differ


def cases():
    """Texts by their parsers. A case's first line may say `%% refused` (by us, with a reason) or `%% both refuse`."""
    for file in sorted((FOLDER / "formats").glob("*.cases")):
        for number, text in enumerate(file.read_bytes().decode().split("%%%%\n")[1:], 1):
            words, _, text = text.partition("\n") if text.startswith("%% ") else ("", "", text)
            yield file.stem, number, words, text


def formats(ours, peer):
    all_cases = list(cases())
    # Beside it are the programs that read Jsonnet and CUE.
    search = f"{Path(peer).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    asked = "".join(json.dumps({"parser": parser, "text": text}) + "\n" for parser, _, _, text in all_cases)
    answers = subprocess.run([peer, "protos"], cwd=FOLDER, input=asked, capture_output=True, text=True, timeout=300).stdout.splitlines()
    differ = 0
    counts = {}
    for (parser, number, words, text), answer in zip(all_cases, answers, strict=True):
        counts[parser] = counts.get(parser, 0) + 1
        done = subprocess.run([ours, "conftest", "parse", "--parser", parser, "-"], cwd=FOLDER, input=text.encode(),
                              capture_output=True, timeout=60, env={**os.environ, "CONFTEST_PROTO_FILE_DIRS": "protos", "PATH": search})
        wanted = json.loads(answer)
        refused = done.returncode != 0
        if words.startswith("%% refused"):
            same = refused
        elif "error" in wanted:
            same = refused
        else:
            same = not refused and json.loads(done.stdout) == wanted["value"]
        if not same:
            differ += 1
            print(f"DIFFERS {parser} {number}: {text[:200]!r}")
            print(f"  ours      {(done.stdout or done.stderr).decode()[:600]}")
            print(f"  conftest  {answer[:600]}")
    told = ", ".join(f"{parser} {count}" for parser, count in counts.items())
    print(f"say: {len(all_cases)} texts of {len(counts)} parsers compared ({told}), {differ} differ")
    return differ


MANIFESTS = 200
# Rules of every kind that conftest knows, over what manifests have and over what they lack.
POLICIES = {
    "policy/lib.rego": """package lib.pods

template := input if input.kind == "Pod"

template := input.spec.template if input.kind in {"Deployment", "StatefulSet"}

template := input.spec.jobTemplate.spec.template if input.kind == "CronJob"

containers contains container if some container in template.spec.containers

containers contains container if some container in template.spec.initContainers
""",
    "policy/main.rego": """package main

import data.lib.pods

deny contains sprintf("%s %s has %v replicas, at least %d are wanted", [input.kind, input.metadata.name, input.spec.replicas, 2]) if {
	input.spec.replicas < 2
}

deny_unset contains "replicas are not set" if {
	input.kind in {"Deployment", "StatefulSet"}
	not input.spec.replicas
}

warn_version contains msg if {
	some container in pods.containers
	endswith(container.image, ":latest")
	msg := sprintf("%s is of any version: 100%% <of> \\"%v\\" & more", [container.name, container.image])
}

warn contains {"msg": "an account of whom?", "_loc": {"file": "accounts.yaml", "line": 3}} if startswith(input.metadata.name, "admin-")

violation_limits contains {"msg": msg, "details": {"container": container, "numbers": [1.5, 1000000, 1e21, null, true]}} if {
	some container in pods.containers
	not container.resources.limits.memory
	msg := sprintf("no limit of memory in %s", [container.name])
}

violation_wide contains {"msg": "open to everybody", "severity": "high", "owners": {"b": 1, "a": [2]}} if {
	input.spec.type == "LoadBalancer"
	not input.spec.loadBalancerSourceRanges
}

deny_keys contains sprintf("the long key %s", [key]) if {
	some key, _ in input.data
	count(key) > 5
}

deny_secrets contains "secrets are read" if {
	some rule in input.rules
	"secrets" in rule.resources
}

exception contains ["keys", "secrets"] if {
	input.metadata.labels.tier == "a"
}

exception contains ["limits"] if input.kind == "CronJob"

exception contains [""] if input.metadata.labels.number == "3"
""",
    "policy/spaces.rego": """package spaces.one

deny contains "another host" if input.metadata.annotations.host != input.spec.rules[0].host

warn contains sprintf("labels %v", [object.keys(input.metadata.labels)]) if count(input.metadata.labels) > 0
""",
    "policy/two.rego": """package spaces.two

violation contains {"msg": sprintf("the number is %v", [number]), "number": number} if number := to_number(input.metadata.labels.number)

deny contains msg if {
	some name in data.forbidden.kinds
	input.kind == name
	msg := sprintf("%s is forbidden since %v", [name, data.forbidden.since])
}
""",
    "data/forbidden.yaml": "forbidden: {kinds: [Secret, Ingress], since: 2020}\n",
    "combined/main.rego": """package main

deny contains sprintf("%s is a name of %d", [name, count(paths)]) if {
	some name in {document.contents.metadata.name | some document in input}
	paths := [document.path | some document in input; document.contents.metadata.name == name]
	count(paths) > 1
}

warn contains {"msg": sprintf("%d objects", [count(input)]), "kinds": {document.contents.kind | some document in input}}
""",
}
# Command lines over all manifests at once.
TOGETHER = [
    "test -o json -p policy manifests",
    "test -o json -p policy -n spaces.one manifests",
    "test -o json -p policy -n main,spaces.two -d data manifests",
    "test -o json -p policy -d data --all-namespaces manifests",
    "test -o json -p policy -d data --all-namespaces --fail-on-warn manifests",
    "test -o json -p policy -n spaces.* -d data manifests",
    "test -o json -p policy --no-fail manifests",
    "test -o json -p policy --ignore .*1.json manifests",
    "test -o json -p policy --suppress-exceptions manifests",
    "test -o json -p combined --combine manifests",
    "test -o json -p combined --combine --fail-on-warn manifests",
    "test -o json -p policy -d data --combine --all-namespaces manifests",
]


def judged(text):
    """Results without the orders that Go's maps and sets give them."""
    if not text.strip():
        return text
    lists = ["failures", "warnings", "exceptions", "skipped"]
    order = lambda one: json.dumps(one, sort_keys=True)
    results = [one | {name: sorted(one[name], key=order) for name in lists if name in one} for one in json.loads(text) or []]
    return sorted(results, key=order)


def manifests(ours, real):
    """Manifests of our own, the same each time: each by itself, and all of them by command lines of other flags."""
    place = FOLDER.parents[2] / "scripts/e2e-policies.py"
    module = importlib.util.module_from_spec(spec := importlib.util.spec_from_file_location("e2e_policies", place))
    spec.loader.exec_module(module)
    dice = random.Random(11)
    with tempfile.TemporaryDirectory() as folder:
        for name, text in POLICIES.items():
            Path(folder, name).parent.mkdir(exist_ok=True)
            Path(folder, name).write_text(text)
        Path(folder, "manifests").mkdir()
        names = []
        for number in range(MANIFESTS):
            # Every eighth has two documents.
            objects = [json.dumps(module.an_object(dice, f"{number}-{at}"), indent=2) for at in range(2 if number % 8 == 0 else 1)]
            names.append(f"manifests/{number}.{'yaml' if len(objects) > 1 or number % 2 else 'json'}")
            Path(folder, names[-1]).write_text("\n---\n".join(objects) + "\n")

        def both(line):
            found = []
            for program in ([ours, "conftest"], [real]):
                done = subprocess.run([*program, *line.split()], cwd=folder, capture_output=True, text=True, timeout=300)
                found.append((done.returncode, judged(done.stdout), error(done.stderr)))
            return line, found

        lines = [f"test -o json -p policy {name}" for name in names]
        lines += [f"test -o json -p policy --fail-on-warn {name}" for name in names[::4]] + TOGETHER
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(both, lines))
    differ = 0
    for line, (mine, theirs) in answers:
        if mine != theirs:
            differ += 1
            print(f"DIFFERS {line}\n  ours      {mine!r:.1500}\n  conftest  {theirs!r:.1500}")
    single = [theirs for _, (_, theirs) in answers[:MANIFESTS]]
    having = lambda kind: sum(any(kind in result for result in results) for _, results, _ in single)
    counts = {kind: having(kind) for kind in ["failures", "warnings", "exceptions"]} | {"passed": sum(status == 0 for status, _, _ in single)}
    # A comparison in which nothing is found, or everything is, compares nothing.
    assert min(counts.values()) >= 20 and counts["passed"] < 180, counts
    told = ", ".join(f"{count} with {kind}" if kind != "passed" else f"{count} pass" for kind, count in counts.items())
    print(f"say: {MANIFESTS} manifests ({told}) by {len(lines)} command lines compared, {differ} differ")
    return differ


# What is on loopback is asked by no proxy.
OPEN = urllib.request.build_opener(urllib.request.ProxyHandler({})).open


class Registry:
    """Debian's docker-registry on loopback, of nobody's."""

    def __init__(self, folder):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        config = Path(folder, "registry.yml")
        config.write_text(f'version: 0.1\nlog: {{level: error}}\nhttp: {{addr: "{self.address}"}}\n'
                          f'storage: {{filesystem: {{rootdirectory: "{folder}/storage"}}}}\n')
        log = open(Path(folder, "registry.log"), "wb")
        # It would take a variable of podman's for a setting of its own.
        env = {name: value for name, value in os.environ.items() if name != "REGISTRY_AUTH_FILE"}
        self.process = subprocess.Popen(["docker-registry", "serve", str(config)], stdout=log, stderr=log, env=env)
        for _ in range(300):
            try:
                OPEN(f"http://{self.address}/v2/", timeout=10).close()
                return
            except OSError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.1)
        self.process.kill()
        raise SystemExit("conftest.py: docker-registry does not start: apt-get install docker-registry")

    def manifest(self, name):
        request = urllib.request.Request(f"http://{self.address}/v2/{name}/manifests/v1",
                                         headers={"Accept": "application/vnd.oci.image.manifest.v1+json"})
        with OPEN(request, timeout=10) as answer:
            manifest = json.load(answer)
            manifest["type"] = answer.headers["Content-Type"]
        # Go walks its maps in any order.
        manifest["layers"].sort(key=json.dumps)
        return manifest


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


def bundles(ours, real):
    """Bundles that each pushes are the same, and each pulls those of the other, and files of a web server."""
    differ = asked = 0

    def check(what, mine, theirs):
        nonlocal differ, asked
        asked += 1
        if mine != theirs:
            differ += 1
            print(f"DIFFERS {what}\n  ours      {mine!r:.600}\n  conftest  {theirs!r:.600}")

    with tempfile.TemporaryDirectory() as folder:
        registry = Registry(folder)
        try:
            programs = {"ours": [ours, "conftest"], "theirs": [real]}

            def run(who, line, cwd=FOLDER):
                done = subprocess.run([*programs[who], *line.split()], cwd=cwd, capture_output=True, timeout=120)
                return done.returncode

            for number, flags in enumerate(["-p policy", "-p policy -d data", "-p data", "-p passing", "-p ./policy/"]):
                for who in programs:
                    check(f"push {flags} of {who}", run(who, f"push {registry.address}/{who}{number}:v1 {flags}"), 0)
                manifests = [registry.manifest(f"{who}{number}") for who in programs]
                check(f"what push {flags} makes", *manifests)
                pulled = []
                for who, whose in [("ours", "theirs"), ("theirs", "ours"), ("ours", "ours")]:
                    into = tempfile.mkdtemp(dir=folder)
                    check(f"pull by {who}", run(who, f"pull oci://{registry.address}/{whose}{number}:v1", into), 0)
                    pulled.append(files(into))
                check("what is pulled by us", pulled[0], pulled[1])
                check("what is pulled by conftest", pulled[2], pulled[1])
            for line in ["push {at}/x -p nowhere", "push {at}/x -p broken", "pull {at}/none:v1", "push 127.0.0.1:1/x -p policy"]:
                line = line.replace("{at}", registry.address)
                check(line, run("ours", line), run("theirs", line))
        finally:
            registry.process.terminate()
            registry.process.wait()
        web = Path(folder, "web")
        shutil.copytree(FOLDER / "policy", web / "in/policy")
        subprocess.run(["tar", "czf", web / "all.tar.gz", "-C", web / "in", "policy"], check=True)
        digest = hashlib.sha256((web / "all.tar.gz").read_bytes()).hexdigest()
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), lambda *words: Quiet(*words, directory=web))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        at = f"http://127.0.0.1:{server.server_port}"
        for url in [f"{at}/in/policy/deployment.rego", f"{at}/all.tar.gz", f"{at}/all.tar.gz?checksum=sha256:{digest}",
                    f"{at}/all.tar.gz?checksum={digest}", f"{at}/all.tar.gz?checksum=sha256:{digest[::-1]}", f"{at}/none.rego",
                    f"{at}/all.tar.gz?archive=false", f"{at}/in/policy/deployment.rego?filename=a.rego",
                    f"{web}/in/policy/deployment.rego", f"{web}/all.tar.gz", f"{web}/in/policy", f"{web}/none.rego"]:
            found = []
            for who in programs:
                into = tempfile.mkdtemp(dir=folder)
                status = run(who, f"pull {url}", into)
                # A folder is a link, which nothing is walked through.
                policy = Path(into, "policy")
                left = files(policy.resolve() if policy.is_symlink() else into)
                # Of a file that is not there the real one leaves an empty one, a policy that asks nothing; ours leaves none.
                found.append((status, {name: text for name, text in left.items() if text} if status else left))
            check(f"pull {url}", *found)
        server.shutdown()
    print(f"say: {asked} answers of push and pull compared, {differ} differ")
    return differ


def main():
    ours, folder = str(Path(sys.argv[1]).resolve()), Path(sys.argv[2]).resolve()
    only = sys.argv[3] if len(sys.argv) > 3 else ""
    differ = 0
    if only in ("", "lines"):
        differ += lines(ours, folder / "conftest")
    if only in ("", "formats"):
        differ += formats(ours, folder / "parse")
    if only in ("", "manifests"):
        differ += manifests(ours, folder / "conftest")
    if only in ("", "bundles"):
        differ += bundles(ours, folder / "conftest")
    sys.exit(1 if differ else 0)


if __name__ == "__main__":
    main()
