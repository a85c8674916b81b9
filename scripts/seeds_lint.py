"""The lines of the notes on static analysis (1 to 10, 58 to 62, 85 to 91, 96, 107 to 109, 116 to 119), as scripts/seeds.py runs
them: the linter and the personalities of hadolint and kubesec over the notes' own files (tests/seeds/lint).

What is put right or added is said beside it: elisions that no reader of YAML takes, headings without a body.
"""
import json
import os
import re
import socket
import subprocess
import time
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
NOTES = os.path.join(ROOT, "tests/seeds/lint")
OLD_NOTES = os.path.join(ROOT, "tests/seeds/admission")

BASES = ["FROM ubuntu:22.04\n", "FROM python:3.11-slim\n", "FROM gcr.io/distroless/python3\n", "FROM scratch\n"]

# The footprint course's steps, in our own words: each hardens the one before.
STEPS = [
    "FROM ubuntu\nARG DEBIAN_FRONTEND=noninteractive\nRUN apt-get update && apt-get install -y golang-go\nCOPY app.go .\n"
    "RUN CGO_ENABLED=0 go build app.go\nCMD [\"./app\"]\n",
    "FROM ubuntu\nARG DEBIAN_FRONTEND=noninteractive\nRUN apt-get update && apt-get install -y golang-go\nCOPY app.go .\n"
    "RUN CGO_ENABLED=0 go build app.go\n\nFROM alpine\nCOPY --from=0 /app .\nCMD [\"./app\"]\n",
]
STEPS.append(STEPS[1].replace("FROM ubuntu", "FROM ubuntu:20.04").replace("FROM alpine", "FROM alpine:3.12.0"))
STEPS.append(
    STEPS[2].replace(
        "COPY --from=0 /app .",
        "RUN addgroup -S appgroup && adduser -S appuser -G appgroup -h /home/appuser\nCOPY --from=0 /app /home/appuser/\nUSER appuser",
    ).replace('"./app"', '"/home/appuser/app"')
)
STEPS.append(STEPS[3].replace("RUN addgroup", "RUN chmod a-w /etc\nRUN addgroup"))
STEPS.append(STEPS[4].replace("USER appuser", "RUN rm -rf /bin/*\nUSER appuser"))


class Lint:
    """Runs the program over files of the notes and of our own."""

    def __init__(self, plimsoll, work, env):
        self.plimsoll, self.work, self.env = plimsoll, os.path.join(work, "lint"), env
        os.makedirs(self.work, exist_ok=True)
        links = os.path.join(work, "bin")
        for name in ("hadolint", "kubesec"):
            if not os.path.lexists(os.path.join(links, name)):
                os.symlink(plimsoll, os.path.join(links, name))

    def run(self, command, given=None, status=None, inside=None):
        result = subprocess.run(
            command, shell=isinstance(command, str), input=given, capture_output=True, text=True, cwd=inside or self.work,
            env=self.env, timeout=60,
        )
        assert status is None or result.returncode == status, (command, result.returncode, result.stdout, result.stderr)
        return result

    def write(self, name, text):
        path = os.path.join(self.work, name)
        with open(path, "w") as file:
            file.write(text)
        return path

    def file(self, path, *flags):
        """What the linter says of one file, as JSON."""
        return self.files(path, *flags)[0]

    def files(self, path, *flags):
        out = self.run([self.plimsoll, "lint", "-f", "json", *flags, path]).stdout
        return json.loads(out)["files"]

    def found(self, path, *flags):
        """(code, line) for every name of every finding: our own and those of other tools."""
        pairs = set()
        for finding in self.file(path, *flags)["findings"]:
            line = finding["locations"][0]["line"]
            pairs |= {(name, line) for name in [finding["rule"], *finding.get("aliases", [])]}
        return pairs

    def score(self, path, *flags):
        return self.file(path, *flags)["score"]

    # --- Dockerfiles --------------------------------------------------------------------------------------------
    def builder_and_alpine(self):
        """1: two stages are good; both on latest, an unpinned package, no USER."""
        found = self.found(os.path.join(NOTES, "builder-and-alpine.Dockerfile"), "--select", "all")
        has(found, ("DL3007", 1), ("DL3007", 7), ("DL3018", 8), ("user-missing", 7))
        assert not any(name == "single-stage-build" for name, _ in found), found
        hadolint = self.hadolint("builder-and-alpine.Dockerfile")
        assert {("DL3007", 1), ("DL3007", 7), ("DL3018", 8), ("DL3062", 3)} == hadolint, hadolint

    def better_bases(self):
        """3: from a full system to nothing, each scores better; the third has no tag."""
        scores = []
        for number, base in enumerate(BASES):
            path = self.write(f"base-{number}.Dockerfile", base)
            scores.append(self.score(path, "--select", "all"))
        assert scores == sorted(scores) and scores[0] < scores[1] < scores[3], scores
        assert scores[1] < scores[2], scores
        has(self.found(self.write("base-2.Dockerfile", BASES[2])), ("DL3006", 1))

    def go_distroless(self):
        """4: clean for us; hadolint knows one rule of style."""
        path = os.path.join(NOTES, "go-distroless.Dockerfile")
        assert self.run([self.plimsoll, "lint", path]).returncode == 0
        assert self.hadolint("go-distroless.Dockerfile") == {("DL3066", 9)}

    def python(self):
        """5: clean."""
        path = os.path.join(NOTES, "python.Dockerfile")
        assert self.run([self.plimsoll, "lint", path]).returncode == 0
        assert self.hadolint("python.Dockerfile") == {("DL3066", 12)}
        # The notes' good file against their bad one.
        assert self.score(path) > self.score(os.path.join(NOTES, "ubuntu.Dockerfile"))

    def ubuntu(self):
        """6: a compiler on a full system, run as root. The comment behind FROM is not one to BuildKit: it is named."""
        found = self.found(os.path.join(NOTES, "ubuntu.Dockerfile"), "--select", "all")
        has(found, ("DL3006", 1), ("DL3008", 3), ("DL3009", 3), ("DL3015", 3))
        names = {name for name, _ in found}
        assert {"user-missing", "full-os-base", "build-tool-left-behind"} <= names, names
        # DL1000 is hadolint's code for what it cannot read; it reads this comment, and BuildKit does not.
        hadolint = self.hadolint("ubuntu.Dockerfile")
        assert hadolint == {("DL1000", 1), ("DL3006", 1), ("DL3008", 3), ("DL3009", 3), ("DL3015", 3)}, hadolint

    def two_stages(self):
        """7: better than 6."""
        better, worse = (os.path.join(NOTES, name) for name in ("ubuntu-to-alpine.Dockerfile", "ubuntu.Dockerfile"))
        assert self.score(better) > self.score(worse), (self.score(better), self.score(worse))

    def steps(self):
        """8: each step of the course scores better than the one before."""
        scores = [
            self.score(self.write(f"step-{number}.Dockerfile", text), "--select", "all") for number, text in enumerate(STEPS)
        ]
        assert all(before < after for before, after in zip(scores, scores[1:])), scores

    def hadolint_runs(self):
        """10: the linter's name is a command here, with its flags and its status."""
        path = os.path.join(NOTES, "ubuntu.Dockerfile")
        result = self.run(f"hadolint --no-color {path}", status=1)
        assert re.search(r"ubuntu\.Dockerfile:1 DL3006 warning: \S", result.stdout), result.stdout
        self.run(f"hadolint --no-fail {path}", status=0)

    def hadolint(self, name):
        result = self.run(["hadolint", "-f", "json", os.path.join(NOTES, name)])
        return {(one["code"], one["line"]) for one in json.loads(result.stdout) if one["code"].startswith("DL")}

    # --- manifests ----------------------------------------------------------------------------------------------
    def pull_secrets(self):
        """58, 59: a capital letter makes a field without effect; lost indentation is told as such."""
        pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: app}\nspec:\n  containers: [{name: app, image: \"acme/app:1\"}]\n"
        with open(os.path.join(OLD_NOTES, "pull-secrets.yaml")) as file:
            capital = file.read().replace("<secret name>", "private").replace("\n-", "\n  -")
        path = self.write("capital.yaml", pod + "  " + capital)
        finding = next(f for f in self.file(path)["findings"] if f["rule"] == "unknown-field")
        assert "`Name`" in finding["message"] and "name" in finding["message"], finding
        assert finding["fix"]["edits"], finding
        flat = self.file(os.path.join(OLD_NOTES, "private-image-pod.yaml"))
        assert any("indent" in f["message"] + (f.get("remedy") or "") for f in flat["findings"]), flat

    def pullable(self):
        """62: the prefix makes the name unreadable to the kubelet."""
        digest = "sha256:" + "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"
        path = self.write(
            "pullable.yaml",
            "apiVersion: v1\nkind: Pod\nmetadata: {name: app}\nspec:\n  containers:\n  - name: app\n"
            f"    image: docker-pullable://nginx@{digest}\n",
        )
        findings = self.file(path)["findings"]
        named = [f for f in findings if "docker-pullable://" in f["message"]]
        assert named and any("prefix" in (f.get("remedy") or "") + f["message"] for f in named), findings
        assert any(f.get("fix") for f in named), named

    def default_deny(self):
        """90: the notes' policy is one; with it the namespace's workloads are not named."""
        pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: app, namespace: default}\nspec: {containers: [{name: app, image: \"acme/app:1\"}]}\n"
        for folder in ("without-deny", "with-deny"):
            os.makedirs(os.path.join(self.work, folder))
            self.write(f"{folder}/pod.yaml", pod)
            self.write(f"{folder}/namespace.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: default}\n")
        with open(os.path.join(NOTES, "default-deny.yaml")) as file:
            self.write("with-deny/deny.yaml", file.read())
        def rules(folder):
            files = self.files(os.path.join(self.work, folder), "--select", "all")
            return {finding["rule"] for one in files for finding in one["findings"]}
        assert "namespace-without-default-deny" in rules("without-deny"), rules("without-deny")
        assert "namespace-without-default-deny" not in rules("with-deny"), rules("with-deny")

    def frontend_to_backend(self):
        """91: empty in the notes; a policy by its heading is clean, and its two links' faults are named."""
        policy = (
            "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: backend, namespace: shop}\nspec:\n"
            "  podSelector: {matchLabels: {app: backend}}\n  policyTypes: [Ingress]\n  ingress:\n"
            "  - from: [{podSelector: {matchLabels: {app: frontend}}}]\n    ports: [{port: 8080}]\n"
        )
        assert self.file(self.write("backend.yaml", policy))["findings"] == []
        open_ingress = (
            "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: web, namespace: shop}\nspec:\n  rules:\n"
            "  - host: shop.example.com\n    http:\n      paths:\n      - path: /\n        pathType: Prefix\n"
            "        backend: {service: {name: web, port: {number: 80}}}\n"
        )
        names = {name for name, _ in self.found(self.write("ingress.yaml", open_ingress))}
        assert "ingress-tls-missing" in names, names
        egress = (
            "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: out, namespace: shop}\nspec:\n"
            "  podSelector: {}\n  policyTypes: [Egress]\n  egress:\n  - to: [{ipBlock: {cidr: 0.0.0.0/0}}]\n"
        )
        names = {name for name, _ in self.found(self.write("egress.yaml", egress))}
        assert any("metadata" in name for name in names), names

    def token(self):
        """96: the attribute on the account or on the pod satisfies the rule."""
        head = "apiVersion: v1\nkind: Pod\nmetadata: {name: app, namespace: shop}\nspec:\n"
        rest = "  containers: [{name: app, image: \"acme/app:1\"}]\n"
        rule = "service-account-token-mounted"

        def names(text):
            return {name for name, _ in self.found(self.write("token.yaml", text), "--select", "all")}
        assert rule in names(head + rest)
        assert rule not in names(head + "  automountServiceAccountToken: false\n" + rest)
        account = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: app, namespace: shop}\nautomountServiceAccountToken: false\n---\n"
        assert rule not in names(account + head + "  serviceAccountName: app\n" + rest)

    def non_root(self):
        """107: no reader takes it with its elisions, and the message says what to do; without them the rule is satisfied."""
        path = os.path.join(NOTES, "non-root-elided.yaml")
        result = self.run([self.plimsoll, "lint", path])
        assert result.returncode in (1, 2) and "..." in result.stdout + result.stderr, (result.returncode, result.stdout)
        with open(path) as file:
            text = "".join(line for line in file if line.strip() != "...")
        names = {n for n, _ in self.found(self.write("non-root.yaml", text.replace("metadata:\n", "metadata: {name: a}\n")), "--select", "all")}
        assert "RunAsNonRoot" not in names and "may-run-as-root" not in names, names

    def privileged(self):
        """108: broken as printed, with the place; put right word by word, each misprint and `privileged` are named."""
        path = os.path.join(NOTES, "privileged.yaml")
        result = self.run([self.plimsoll, "lint", path])
        assert result.returncode in (1, 2) and ":17" in result.stdout + result.stderr, (result.returncode, result.stdout)
        with open(path) as file:
            text = file.read().replace("(}", "{}")
        findings = self.file(self.write("privileged.yaml", text))["findings"]
        said = {f["rule"]: f for f in findings}
        assert "privileged-container" in said, sorted(said)
        assert "`v1`" in json.dumps(said["unknown-api-version"]), said["unknown-api-version"]

    def no_escalation(self):
        """109: the rule is satisfied; the elisions are taken away and a head is added."""
        with open(os.path.join(NOTES, "no-escalation-elided.yaml")) as file:
            text = "".join(line for line in file if line.strip() != "...")
        head = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: logger}\n"
        names = {n for n, _ in self.found(self.write("logger.yaml", head + text), "--select", "all")}
        assert "AllowPrivilegeEscalation" not in names and "KSV-0001" not in names, names

    def secret_in_env(self):
        """116: the Apache pod by its description."""
        pod = (
            "apiVersion: v1\nkind: Pod\nmetadata: {name: apache}\nspec:\n  containers:\n  - name: apache\n    image: httpd:2.4\n"
            "    env:\n    - name: SECRET\n      valueFrom: {secretKeyRef: {name: mysecret, key: secret}}\n"
        )
        has(self.found(self.write("apache.yaml", pod)), ("secret-in-env", 10))

    def startup_probe(self):
        """118: one argument that holds a space is one file name, so the probe never passes."""
        findings = self.file(os.path.join(NOTES, "startup-probe.yaml"))["findings"]
        named = [f for f in findings if f["locations"][0]["line"] == 19 and "space" in f["message"]]
        assert named, [(f["rule"], f["message"], f["locations"][0]["line"]) for f in findings]

    def read_only(self):
        """119: the rule is satisfied."""
        found = {n for n, _ in self.found(os.path.join(NOTES, "read-only.yaml"), "--select", "all")}
        assert "ReadOnlyRootFilesystem" not in found, found

    # --- kubesec ------------------------------------------------------------------------------------------------
    POD = (
        "apiVersion: v1\nkind: Pod\nmetadata: {name: pod}\nspec:\n  containers:\n  - name: app\n    image: acme/app:1\n"
        "    securityContext: {readOnlyRootFilesystem: true, runAsNonRoot: true}\n"
    )

    def kubesec_scan(self):
        """85: the notes' line, status 0 for a score above zero."""
        self.write("pod.yaml", self.POD)
        report = json.loads(self.run("kubesec scan pod.yaml", status=0).stdout)
        assert report[0]["object"] == "Pod/pod.default" and report[0]["score"] == 2, report[0]

    def kubesec_http(self):
        """86, 87: the server and the notes' curl against it; its own host is foreign."""
        self.write("pod.yaml", self.POD)
        port = free_port()
        server = subprocess.Popen(
            ["kubesec", "http", str(port)], cwd=self.work, env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            for _ in range(100):
                try:
                    with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1):
                        break
                except OSError:
                    time.sleep(0.05)
            said = self.run(f'curl -sSX POST --data-binary @"pod.yaml" http://127.0.0.1:{port}/scan', status=0).stdout
            assert json.loads(said)[0]["score"] == 2, said
        finally:
            server.terminate()
            server.wait(timeout=20)

    def kubesec_sample(self):
        """88: the notes' sample cannot come out: that capability alone costs 30 points."""
        self.write("admin.yaml", self.POD.replace("readOnlyRootFilesystem: true", "capabilities: {add: [SYS_ADMIN]}"))
        report = json.loads(self.run("kubesec scan admin.yaml", status=2).stdout)[0]
        critical = report["scoring"]["critical"]
        assert report["score"] == -29 and critical[0]["id"] == "CapSysAdmin" and critical[0]["points"] == -30, report

    def kubesec_stdin(self):
        """89: the container's arguments, with the manifest on standard input."""
        said = self.run("kubesec scan /dev/stdin < pod.yaml", status=0).stdout
        assert json.loads(said)[0]["score"] == 2, said


def has(found, *wanted):
    missing = [pair for pair in wanted if pair not in found]
    assert not missing, f"not found: {missing}; found: {sorted(found)}"


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


LINES = {
    1: Lint.builder_and_alpine, 3: Lint.better_bases, 4: Lint.go_distroless, 5: Lint.python, 6: Lint.ubuntu, 7: Lint.two_stages,
    8: Lint.steps, 10: Lint.hadolint_runs, 62: Lint.pullable, 85: Lint.kubesec_scan, 86: Lint.kubesec_http,
    87: Lint.kubesec_http, 88: Lint.kubesec_sample, 89: Lint.kubesec_stdin, 90: Lint.default_deny,
    91: Lint.frontend_to_backend, 96: Lint.token, 107: Lint.non_root, 108: Lint.privileged, 109: Lint.no_escalation,
    116: Lint.secret_in_env, 118: Lint.startup_probe, 119: Lint.read_only,
}
# Lines that a real API server answers already (seeds_admission.py), and what the linter says of them.
ALSO = {58: Lint.pull_secrets, 59: Lint.pull_secrets}
