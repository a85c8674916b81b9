"""The lines of the notes on admission (34 to 61, 76), as scripts/seeds.py runs them: the gate, `plimsoll install --check`,
kubectl and a real API server, each with the notes' own words (tests/seeds/admission) wherever they can be used as they are.

What is put right is said beside it: folders, addresses and names that the notes leave open. `…-indented.yaml` is a copy
with the indentation that the notes lost.
"""
import base64
import json
import os
import re
import subprocess

from cluster_peer import Cluster
from gate_peer import Gate, free_port, nobody_listens, wait_until
import seeds_gatekeeper

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
NOTES = os.path.join(ROOT, "tests/seeds/admission")
BOUNCER = os.path.join(ROOT, "examples/bouncer.yaml")
LOADLINE = """apiVersion: plimsoll.dev/v1alpha1
kind: LoadLine
metadata: {name: no-mendable-vulnerability}
data: {baselineOnly: allow}
images:
  - {name: everything, match: ["**"], vulnerabilities: {deny: [{severity: ">=high", fix: available}]}}
"""


def notes(name):
    with open(os.path.join(NOTES, name)) as file:
        return file.read()


def write(path, text, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)
    os.chmod(path, mode)
    return path


def read(path):
    with open(path) as file:
        return file.read()


def contains(text, part):
    assert part in text, f"no {part!r} in: {text[-2000:]}"


class Admission:
    """What the lines share. Without BINARIES (kube-apiserver's folder) those that need an API server are skipped."""

    def __init__(self, plimsoll, work, cwd, env, registry, binaries):
        self.plimsoll, self.work, self.cwd, self.env, self.registry = plimsoll, work, cwd, dict(env), registry
        self.docker_config = self.env.pop("DOCKER_CONFIG")
        # The gate asks the clock.
        self.env.pop("PLIMSOLL_AT")
        self.cluster = Cluster(self.at("cluster"), binaries) if binaries else None
        self.healthy = f"{registry.address}/library/healthy:1.0"
        self.hook_port, self.hook_gate = free_port(), None

    def __enter__(self):
        if self.cluster:
            self.cluster.__enter__()
            os.symlink(self.cluster.kubectl, self.at("bin/kubectl"))
            # A working folder's kubectl is never configured by the person who runs this.
            self.env.update(KUBECONFIG=self.cluster.kubeconfig, KUBERC="off")
        return self

    def __exit__(self, *_):
        if self.hook_gate:
            self.hook_gate.__exit__()
        if self.cluster:
            self.cluster.__exit__()

    def skips(self, number):
        return self.cluster is None and number in LINES and number not in WITHOUT_CLUSTER

    def at(self, path):
        return os.path.join(self.work, path)

    def run(self, command, status=0, given=None, **env):
        """A line of the notes; what it printed, both kinds. Any status is right when `status` is None."""
        result = subprocess.run(
            command, shell=isinstance(command, str), cwd=self.cwd, env=dict(self.env, **env), input=given or "",
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120,
        )
        right = status is None or (result.returncode != 0) == (status != 0)
        assert right, f"{command}: status {result.returncode}: {result.stdout}"
        return result.stdout

    def kube(self, *args, status=0, given=None):
        return self.run(["kubectl", *args], status, given)

    def secret(self, name, key):
        data = json.loads(self.kube("get", "secret", name, "-o", "json"))
        return data["type"], base64.b64decode(data["data"][key]).decode()

    def check(self, *paths):
        """`plimsoll install --check`: {(fault, "FILE:LINE")}."""
        result = subprocess.run(
            [self.plimsoll, "install", "--check", *paths], env=self.env, capture_output=True, text=True, timeout=60
        )
        found = re.findall(r"^(error|warning): .* \[([a-z-]+)\]\n  --> (.*?)(?::\d+)?$", result.stdout, re.M)
        errors = any(severity == "error" for severity, _, _ in found)
        assert result.returncode == (1 if errors else 0), (result.returncode, result.stdout, result.stderr)
        return {(fault, os.path.basename(place)) for _, fault, place in found}

    def checked(self, name, text):
        return self.check(write(self.at(f"checked/{name}"), text))

    def gate(self, *args, port=None, docker_config=None):
        """`plimsoll serve`, without credentials unless they are given."""
        nobody = self.at("nobody")
        env = dict(self.env, DOCKER_CONFIG=docker_config or nobody, REGISTRY_AUTH_FILE=f"{nobody}/auth.json")
        return Gate(self.plimsoll, *args, cwd=self.cwd, env=env, port=port)

    # --- the notes' certificate, server and question ------------------------------------------------------------

    def certificate(self, command):
        """34: made as noted; our server starts with it, and its missing SAN is named."""
        self.run(command)
        key, certificate = (os.path.join(self.cwd, name) for name in ("webhook-key.pem", "webhook.pem"))
        self.run([self.plimsoll, "serve", "--cert", certificate, "--key", key, "--check"])
        # By itself it may be meant as an authority; where a kubeconfig sends the API server to it, it needs the name.
        write(self.at("checked/own/webhook.pem"), read(certificate))
        faults = self.check(os.path.dirname(write(self.at("checked/own/image_config.yaml"), notes("image_config.yaml"))))
        assert ("certificate-without-san", "image_config.yaml:6") in faults, faults
        # The same with names: what the lines below use where something must work.
        self.run(
            "openssl req -nodes -new -x509 -days 90 -keyout mended-key.pem -out mended.pem -subj /CN=localhost"
            " -addext subjectAltName=DNS:localhost,IP:127.0.0.1"
        )
        for name in ("webhook", "mended"):
            os.chmod(os.path.join(self.cwd, f"{name}-key.pem"), 0o600)
        assert self.check(os.path.join(self.cwd, "mended.pem")) == set()

    def bouncer(self, arguments):
        """35: the bouncer's arguments, and TLS on 1323."""
        with self.gate(*arguments.split(), port=1323) as gate:
            assert gate.call("GET", "/healthz")[0] == 200

    def question(self, *arguments):
        with self.gate("-k", "webhook-key.pem", "-c", "webhook.pem", *arguments, port=1323):
            answer = self.run(["bash", "-c", notes("review.sh").replace("curl", "curl -sS", 1)])
        return json.loads(answer)["status"]

    def break_glass(self, _):
        """36: allowed under the bouncer's policy. The status is compared, not the bytes."""
        status = self.question("--policy", BOUNCER)
        assert status["allowed"] is True, status

    def digits(self, _):
        """37: under the default policy, no; and the digits are counted."""
        status = self.question()
        assert not status.get("allowed") and "digest has 63 hexadecimal digits, not 64" in status["reason"], status

    # --- objects of the cluster ---------------------------------------------------------------------------------

    def secret_tls(self, command):
        """38"""
        self.cluster.start()
        self.run(command)
        kind, certificate = self.secret("tls-image-bouncer-webhook", "tls.crt")
        assert kind == "kubernetes.io/tls" and certificate == read(os.path.join(self.cwd, "webhook.pem"))
        secret = self.kube("get", "secret", "tls-image-bouncer-webhook", "-o", "yaml")
        assert "certificate-without-san" in {fault for fault, _ in self.checked("secret.yaml", secret)}

    def service(self, command):
        """39, and with it the Deployment of 40: one document in the notes."""
        said = self.run(command, given=notes("bouncer.yaml"))
        assert "service/image-bouncer-webhook created" in said and "deployment.apps/image-bouncer-webhook created" in said
        ports = json.loads(self.kube("get", "service", "image-bouncer-webhook", "-o", "json"))["spec"]["ports"]
        assert [(port["port"], port["targetPort"]) for port in ports] == [(443, 1323)], ports

    def deployment(self, arguments):
        """40: the arguments that the API server kept, on the Secret's own files; only the mount's folder is another."""
        folder = self.at("etc/admission-controller/tls")
        for key in ("tls.crt", "tls.key"):
            write(f"{folder}/{key}", self.secret("tls-image-bouncer-webhook", key)[1], 0o600)
        kept = json.loads(self.kube("get", "deployment", "image-bouncer-webhook", "-o", "json"))
        kept = kept["spec"]["template"]["spec"]["containers"][0]["args"]
        assert kept == arguments.split(), kept
        with self.gate(*(arg.replace("/etc/admission-controller/tls", folder) for arg in kept)) as gate:
            assert gate.call("GET", "/healthz")[0] == 200

    # --- ValidatingWebhookConfiguration -------------------------------------------------------------------------

    def lost_indentation(self, command):
        """47: refused as written, by kubectl and, with the line, by us; indented it is taken, asks, and its faults are named."""
        contains(self.run(command.format(notes=NOTES), status=1), "resource name may not be empty")
        faults = self.check(os.path.join(NOTES, "webhook.yaml"))
        assert {("duplicate-key", "webhook.yaml:14"), ("lost-indentation", "webhook.yaml:14")} == faults, faults
        indented = notes("webhook-indented.yaml")
        faults = {fault for fault, _ in self.checked("webhook.yaml", indented)}
        assert faults == {
            "ca-bundle-placeholder", "ephemeral-containers-missing", "failure-policy-missing", "own-namespace-matched"
        }, faults
        contains(self.kube("apply", "-f", "-", given=indented, status=1), "illegal base64")
        authority = base64.b64encode(read(os.path.join(self.cwd, "mended.pem")).encode()).decode()
        filled = indented.replace("<base64-encoded-ca-cert>", authority)
        kept = self.kube("apply", "--dry-run=server", "-o", "json", "-f", "-", given=filled)
        assert json.loads(kept)["webhooks"][0]["failurePolicy"] == "Fail"
        # Nobody answers for a Service here: the gate is called by its address.
        service = '    service:\n      name: image-policy-webhook\n      namespace: kube-system\n      path: "/validate"\n'
        assert service in filled
        filled = filled.replace(service, f"    url: https://127.0.0.1:{self.hook_port}/validate\n")
        with self.gate(*MENDED, "--policy", BOUNCER, port=self.hook_port, docker_config=self.docker_config):
            self.kube("apply", "-f", "-", given=filled)
            wait_until(lambda: "image-policy.example.com" in self.tried("latest", "nginx:latest"), 10, "nobody was asked")
            self.admitted("asked", self.healthy)
            # What the check says of ephemeral containers is true.
            self.kube("debug", "asked", "--image=nginx:latest", "--attach=false", "--quiet")

    # --- pull secrets -------------------------------------------------------------------------------------------

    def pull_secret(self, command):
        """55, 56, 57: with a real registry's address, name and password filled in."""
        self.run(command.format(registry=self.registry.address, user=self.registry.user, password=self.registry.password))
        name = command.split("docker-registry ")[1].split()[0]
        kind, config = self.secret(name, ".dockerconfigjson")
        assert kind == "kubernetes.io/dockerconfigjson"
        entry = json.loads(config)["auths"][self.registry.address]
        assert entry["username"] == self.registry.user and entry["auth"], sorted(entry)

    def private_pod(self, name, secrets=None, more=""):
        """The notes' pod, indented, with the registry's address; `secrets` in place of its pull secrets."""
        pod = notes("private-image-pod-indented.yaml").replace("myregistry.io", self.registry.address)
        pod = pod.replace("name: private-image-pod", f"name: {name}")
        before, own = pod.split("  imagePullSecrets:\n")
        return before + ("  imagePullSecrets:\n" + own if secrets is None else secrets) + more

    def capital_name(self, _):
        """58: refused by kubectl; past it a field without effect, and the gate stands before the registry as nobody."""
        self.hook_gate = self.gate(
            *MENDED, "--policy", BOUNCER, "--pull-secrets", "--kubeconfig", self.cluster.kubeconfig, port=self.hook_port
        ).__enter__()
        capital = notes("pull-secrets.yaml").replace("<secret name>", "private").replace("\n-", "\n  -")
        pod = self.private_pod("capital", f"  {capital}")
        contains(self.kube("create", "-f", "-", given=pod, status=1), 'unknown field "spec.imagePullSecrets[0].Name"')
        said = self.kube("create", "--validate=warn", "-f", "-", given=pod, status=1)
        assert 'unknown field "spec.imagePullSecrets[0].Name"' in said, said
        assert "image-policy.example.com" in said and "login" in said, said
        contains(read(self.hook_gate.log), "a pull secret without a name")

    def secret_pod(self, _):
        """59: refused as written for its indentation; indented, the gate reaches the image with the pod's own secret."""
        flat = self.check(os.path.join(NOTES, "private-image-pod.yaml"))
        assert ("lost-indentation", "private-image-pod.yaml:4") in flat, flat
        self.kube("create", "-f", os.path.join(NOTES, "private-image-pod.yaml"), status=1)
        without = self.kube("create", "-f", "-", given=self.private_pod("without", ""), status=1)
        assert "login" in without, without
        self.kube("create", "-f", "-", given=self.private_pod("private-image-pod"))

    def account_with_secret(self, _):
        """60: a heading without a body in the notes; the account is made by its title."""
        account = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: puller}\nimagePullSecrets: [{name: regcred}]\n"
        self.kube("create", "-f", "-", given=account)
        self.kube("create", "-f", "-", given=self.private_pod("of-account", "", "  serviceAccountName: puller\n"))

    def patched_account(self, command):
        """61: from then on pods that name no secret are judged with the account's."""
        pod = self.private_pod("of-default", "")
        contains(self.kube("create", "-f", "-", given=pod, status=1), "login")
        contains(self.run(command), "serviceaccount/default patched")
        # That there is none was told five seconds ago at most, and is believed for as long.
        wait_until(lambda: "created" in self.kube("create", "-f", "-", given=pod, status=None), 15, "the secret is not used")

    # --- the API server's configuration -------------------------------------------------------------------------

    def configured(self, name, text, kubeconfig, folder="etc/kubernetes/config"):
        """Files of the notes with their paths put right, in a folder of ours; the gate's address among them."""
        pki = {"webhook.pem": "webhook.pem", "apiserver-client.pem": "mended.pem", "apiserver-client-key.pem": "mended-key.pem"}
        folder = self.at(folder)
        for file, source in pki.items():
            write(f"{folder}/{file}", read(os.path.join(self.cwd, source)), 0o600)
        right = self.address_put_right(kubeconfig, folder)
        path = write(f"{folder}/kubeconf", right, 0o600)
        text = re.sub(r"(kubeConfigFile: )\S+", rf"\g<1>{path}", text)
        return write(f"{folder}/{name}", text)

    def address_put_right(self, kubeconfig, folder):
        text = re.sub(r"server: \S+", f"server: https://localhost:{self.hook_port}/image_policy", kubeconfig)
        names = {"certificate-authority": "webhook.pem", "client-certificate": "apiserver-client.pem"}
        for key, file in names.items():
            text = re.sub(rf"({key}: )\S+", rf"\g<1>{folder}/{file}", text)
        return re.sub(r"(client-key: +)\S+?(`? *)$", rf"\g<1>{folder}/apiserver-client-key.pem\2", text, flags=re.M)

    def asks(self, *flags):
        """The API server asks by ImagePolicyWebhook."""
        self.cluster.start(*flags)
        assert "ImagePolicyWebhook" in self.cluster.log().split("validating admission controller(s)")[-1].split("\n")[0]

    def backtick(self, _):
        """42: with the backtick the API server does not start; the check names character, file and line."""
        files = ("configuration.yaml", "image_config.yaml", "bouncer.yaml")
        faults = self.check(*(os.path.join(NOTES, name) for name in files))
        assert ("stray-backtick", "image_config.yaml:19") in faults, faults
        assert {("cluster-dns-name", "image_config.yaml:6"), ("wrong-port", "image_config.yaml:6")} <= faults, faults
        config = self.configured("configuration.yaml", notes("configuration.yaml"), notes("image_config.yaml"))
        said = self.cluster.refused(f"--admission-control-config-file={config}", PLUGIN_ON)
        assert "apiserver-client-key.pem`" in said, said[-500:]

    def bare_image_policy(self, _):
        """41: works as it is. The notes' certificate does not: the API server is a Go client, and wants a SAN (34)."""
        # From here on the other road is closed.
        self.kube("delete", "validatingwebhookconfiguration", "image-policy-webhook", "--ignore-not-found")
        if self.hook_gate:
            self.hook_gate.__exit__()
            self.hook_gate = None
        kubeconfig = notes("image_config.yaml").replace("`", "")
        config = self.configured("configuration.yaml", notes("configuration.yaml"), kubeconfig)
        folder = os.path.dirname(config)
        assert "certificate-without-san" in {fault for fault, _ in self.check(folder)}
        # An authority file may hold several: the mended certificate comes after.
        authority, mended = f"{folder}/webhook.pem", read(os.path.join(self.cwd, "mended.pem"))
        write(authority, read(authority) + mended, 0o600)
        self.asks(f"--admission-control-config-file={config}", PLUGIN_ON)
        with self.gate("-c=webhook.pem", "-k=webhook-key.pem", "--policy", BOUNCER, port=self.hook_port):
            said = self.refused("unsafe", self.healthy)
            assert "use SANs instead" in said, said
        with self.gate(*MENDED, "--policy", BOUNCER, port=self.hook_port, docker_config=self.docker_config):
            self.admitted("healthy", self.healthy)
            contains(self.refused("latest", "nginx:latest"), "backend denied one or more images")
        write(authority, mended, 0o600)
        assert self.check(folder) == set()

    def config_flag(self, flag):
        """43: the flag of the line before. "Don't forget to enable the Admission plugin" is what the check says too."""
        folder = self.at("etc/kubernetes/config")
        flag = flag.replace("/etc/kubernetes/config", folder)
        faults = {fault for fault, _ in self.check(folder, write(self.at("checked/flags.txt"), f"kube-apiserver {flag}\n"))}
        assert faults == {"plugin-not-enabled"}, faults
        assert flag.split("=")[1] in " ".join(self.cluster.flags), self.cluster.flags

    def flags(self, command):
        """46: both flags, or the API server does not start."""
        faults = self.checked("half.service", f"[Service]\nExecStart=kube-apiserver \\\n  {PLUGIN_ON}\n")
        assert ("config-flag-missing", "half.service:3") in faults, faults
        contains(self.cluster.refused(PLUGIN_ON), "no config specified")
        whole = command.replace("--enable-admission-plugins", PLUGIN_ON).replace("<path to config file>", self.open_configuration())
        faults = {fault for fault, _ in self.checked("whole.service", f"[Service]\nExecStart=kube-apiserver {whole}\n")}
        assert not faults & {"config-flag-missing", "plugin-not-enabled", "file-missing"}, faults
        self.asks(*whole.split())

    def open_configuration(self):
        context = "{cluster: name-of-remote-imagepolicy-service, user: name-of-api-server}"
        kubeconfig = notes("kubeconfig-without-contexts.yaml")
        kubeconfig += f"contexts:\n- {{name: gate, context: {context}}}\ncurrent-context: gate\n"
        return self.configured("open.yaml", notes("open.yaml"), kubeconfig, "etc/open")

    def no_contexts(self, _):
        """45: the API server does not start; the check says why."""
        faults = self.check(os.path.join(NOTES, "kubeconfig-without-contexts.yaml"))
        assert ("context-missing", "kubeconfig-without-contexts.yaml:3") in faults, faults
        config = self.configured("open.yaml", notes("open.yaml"), notes("kubeconfig-without-contexts.yaml"), "etc/open")
        said = self.cluster.refused(f"--admission-control-config-file={config}", PLUGIN_ON)
        assert "no configuration has been provided" in said, said[-500:]

    def fails_open(self, _):
        """44: the gate is away, and what it would refuse is admitted (with the flags of 46)."""
        assert ("default-allow", "open.yaml:11") in self.check(os.path.join(NOTES, "open.yaml"))
        assert nobody_listens(self.hook_port)
        self.admitted("nobody-asked", "nginx:latest")

    def static_pod(self, _):
        """52: its elisions are no YAML; without them it is whole, and each part of the mount is missed when it is away."""
        assert self.check(os.path.join(NOTES, "kube-apiserver.yaml")) == {("yaml-broken", "kube-apiserver.yaml:7")}
        self.closed_configuration()
        folder = self.at("etc/kubernetes/admission")
        manifest = notes("kube-apiserver.yaml").replace("...\n", "").replace("/etc/kubernetes/admission", folder)
        path = self.at("etc/kubernetes/manifests/kube-apiserver.yaml")
        faults = lambda text: {fault for fault, _ in self.check(folder, write(path, text))}
        assert faults(manifest) == set(), faults(manifest)
        assert faults(manifest.replace(f"mountPath: {folder}", "mountPath: /elsewhere")) == {"mount-missing"}
        assert faults(manifest.replace("\n    name: admission\n", "\n    name: other\n")) == {"volume-missing"}

    def closed_configuration(self):
        kubeconfig = notes("image_config.yaml").replace("`", "")
        config = self.configured("admission_config.yaml", notes("closed.yaml"), kubeconfig, "etc/kubernetes/admission")
        write(f"{os.path.dirname(config)}/webhook.pem", read(os.path.join(self.cwd, "mended.pem")))
        return config

    def plugins(self, flag):
        """49: the plugin is on, among others; with the configuration of 51 and the mounted folder of 52."""
        self.asks(flag, f"--admission-control-config-file={self.closed_configuration()}")
        order = self.cluster.log().split("validating admission controller(s)")[-1].split("\n")[0]
        assert "ImagePolicyWebhook" in order and "NodeRestriction" in self.cluster.log().split("mutating admission")[-1]

    def fails_closed(self, _):
        """51: the gate is away: nothing runs; it is back: the same pod does."""
        contains(self.refused("closed", self.healthy), "forbidden")
        with self.scanning_gate():
            self.admitted("closed", self.healthy)

    def scanning_gate(self):
        policy = write(self.at("loadline.yaml"), LOADLINE)
        return self.gate(*MENDED, "--policy", policy, port=self.hook_port, docker_config=self.docker_config)

    def scans(self, _):
        """76, its second practice: what an admission controller finds in an image keeps it out."""
        with self.scanning_gate():
            contains(self.refused("old", "nginx:1.21"), "CVE-2022-1292")
            self.admitted("new", self.healthy)

    def logged_in(self):
        """54 at the gate: docker's own file, and what is said without it."""
        with self.gate(*MENDED, "--policy", BOUNCER, docker_config=self.docker_config) as gate:
            status = gate.image_review(self.healthy)
            assert status["allowed"] is True, status
        with self.gate(*MENDED, "--policy", BOUNCER) as gate:
            status = gate.image_review(self.healthy)
            assert not status.get("allowed") and "login" in status["reason"], status

    # --- pods -----------------------------------------------------------------------------------------------------

    def tried(self, name, image, status=None):
        return self.kube("run", name, f"--image={image}", status=status)

    def admitted(self, name, image):
        self.tried(name, image, status=0)

    def refused(self, name, image):
        return self.tried(name, image, status=1)


PLUGIN_ON = "--enable-admission-plugins=ImagePolicyWebhook"
MENDED = ("--cert=mended.pem", "--key=mended-key.pem")

# In the order in which they run: the API server is started anew as seldom as can be.
LINES = {
    34: Admission.certificate, 35: Admission.bouncer, 36: Admission.break_glass, 37: Admission.digits,
    38: Admission.secret_tls, 39: Admission.service, 40: Admission.deployment, **seeds_gatekeeper.ADMISSION,
    47: Admission.lost_indentation,
    55: Admission.pull_secret, 56: Admission.pull_secret, 57: Admission.pull_secret, 58: Admission.capital_name,
    59: Admission.secret_pod, 60: Admission.account_with_secret, 61: Admission.patched_account,
    41: Admission.bare_image_policy, 43: Admission.config_flag, 42: Admission.backtick, 45: Admission.no_contexts,
    46: Admission.flags, 44: Admission.fails_open, 52: Admission.static_pod, 49: Admission.plugins,
    51: Admission.fails_closed, 76: Admission.scans,
}
# 25 has a part that needs none.
WITHOUT_CLUSTER = {25, 34, 35, 36, 37}
