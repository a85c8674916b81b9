#!/usr/bin/env python3
"""Policies that clusters have, at a real API server: what Plimsoll's gate says of objects beside what the API server itself says.

Usage: scripts/e2e-policies.py PLIMSOLL WORK APISERVER       (needs etcd-server, openssl; APISERVER is what
       scripts/peers/build-apiserver.sh filled)

1. One template with three constraints refuses, warns and is silent, as each says.
2. ValidatingAdmissionPolicies decide of 100 requests (creations, and changes of objects that are there) as the API server does
   that has the same policies: allowed or not, with the same words, and the same warnings. Everything is a dry run.
3. The folder of policies changes while requests come, once to what cannot be loaded: no request is lost, and each is
   answered by one of the sets.
4. Gatekeeper's four kinds of mutators change a pod on its way into the API server, once, and what they make is what it keeps.
"""
import http.client
import json
import os
import random
import re
import shutil
import ssl
import subprocess
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "scripts"))
from cluster_peer import Cluster  # noqa: E402
from gate_peer import Gate, free_port, wait_until, webhook  # noqa: E402
from seeds_gatekeeper import LOADLINE  # noqa: E402

TEMPLATE = """apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: needslabel}
spec:
  crd: {spec: {names: {kind: NeedsLabel}, validation: {openAPIV3Schema: {type: object, properties: {label: {type: string}}}}}}
  targets:
  - target: admission.k8s.gatekeeper.sh
    rego: |
      package needslabel
      violation[{"msg": msg}] {
        not input.review.object.metadata.labels[input.parameters.label]
        msg := sprintf("the label %v is missing", [input.parameters.label])
      }
"""
CONSTRAINT = """---
apiVersion: constraints.gatekeeper.sh/v1beta1
kind: NeedsLabel
metadata: {{name: {label}}}
spec:
  enforcementAction: {action}
  match: {{kinds: [{{apiGroups: [""], kinds: [ConfigMap]}}]}}
  parameters: {{label: {label}}}
"""

POLICY = """---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {{name: {name}}}
spec:
  failurePolicy: {failure}
  matchConstraints:
    resourceRules:
    - {{apiGroups: [{group}], apiVersions: ["*"], operations: {operations}, resources: {resources}}}
{more}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {{name: {name}-everywhere}}
spec: {{policyName: {name}, validationActions: [{actions}]{binding}}}
"""

MUTATORS = """apiVersion: mutations.gatekeeper.sh/v1
kind: AssignMetadata
metadata: {name: team}
spec: {location: metadata.labels.team, parameters: {assign: {value: nobody}}}
---
apiVersion: mutations.gatekeeper.sh/v1
kind: Assign
metadata: {name: pull}
spec:
  applyTo: [{groups: [""], versions: [v1], kinds: [Pod]}]
  location: "spec.containers[name: *].imagePullPolicy"
  parameters: {assign: {value: Always}}
---
apiVersion: mutations.gatekeeper.sh/v1
kind: ModifySet
metadata: {name: arguments}
spec:
  applyTo: [{groups: [""], versions: [v1], kinds: [Pod]}]
  location: "spec.containers[name: *].args"
  parameters: {operation: merge, values: {fromList: [--quiet, --safe]}}
---
apiVersion: mutations.gatekeeper.sh/v1alpha1
kind: AssignImage
metadata: {name: mirror}
spec:
  applyTo: [{groups: [""], versions: [v1], kinds: [Pod]}]
  location: "spec.containers[name: *].image"
  parameters: {assignDomain: "127.0.0.1:2"}
"""


def policy(name, resources, more, group='""', failure="Fail", actions="Deny", operations="[CREATE, UPDATE]", binding=""):
    indented = "\n".join("  " + line for line in more.strip("\n").split("\n"))
    return POLICY.format(**locals() | {"more": indented})


# Each asks something else of the engine; all that decides is in the request, for a namespace's labels and the authorizer's
# answers are not handed to a webhook.
POLICIES = "".join([
    policy("two-replicas", "[deployments, statefulsets]", """
validations:
- expression: object.spec.replicas >= 2
  messageExpression: "'only ' + string(object.spec.replicas) + ' of ' + object.metadata.name"
""", group="apps"),
    policy("no-latest", "[pods, deployments, statefulsets, cronjobs]", """
variables:
- name: template
  expression: >-
    object.kind == 'Pod' ? object : object.kind == 'CronJob' ? object.spec.jobTemplate.spec.template : object.spec.template
- name: images
  expression: variables.template.spec.containers.map(c, c.image) + variables.template.spec.?initContainers.orValue([]).map(c, c.image)
validations:
- expression: variables.images.all(image, !image.endsWith(':latest') && image.matches(':[^/]+$'))
  messageExpression: "'without a version: ' + variables.images.filter(image, image.endsWith(':latest') || !image.matches(':[^/]+$')).join(', ')"
  reason: Invalid
""", group='"", apps, batch'),
    policy("limits", "[pods]", """
validations:
- expression: object.spec.containers.all(c, c.?resources.?limits.?memory.hasValue())
  message: a container has no limit of memory
- expression: object.spec.containers.all(c, !has(c.resources) || !has(c.resources.limits) || !('memory' in c.resources.limits) || quantity(c.resources.limits['memory']).compareTo(quantity('1Gi')) <= 0)
  message: more than 1Gi
""", actions="Warn, Audit"),
    policy("few-keys", "[configmaps]", """
paramKind: {apiVersion: v1, kind: ConfigMap}
matchConditions:
- {name: not-the-parameters, expression: object.metadata.name != 'parameters'}
- {name: not-excused, expression: "!has(object.metadata.labels) || !('excused' in object.metadata.labels)"}
validations:
- expression: "!has(object.data) || object.data.size() <= int(params.data.most)"
  messageExpression: "'more than ' + params.data.most + ' keys'"
- expression: "!has(object.data) || object.data.all(k, v, k.size() < 8 || v != '')"
  message: a long key without a value
""", binding=", paramRef: {name: parameters, namespace: default, parameterNotFoundAction: Deny}"),
    policy("immutable-once", "[configmaps]", """
validations:
- expression: "!oldObject.?metadata.?annotations['frozen'].hasValue() || oldObject.?data.orValue({}) == object.?data.orValue({})"
  message: it is frozen
""", operations="[UPDATE]"),
    policy("who", "[serviceaccounts]", """
validations:
- expression: request.userInfo.username == 'admin' && 'system:masters' in request.userInfo.groups && request.operation == 'CREATE'
- expression: "!object.metadata.name.startsWith(request.userInfo.username)"
  message: an account of your own name
"""),
    policy("services", "[services]", """
validations:
- expression: object.spec.type != 'LoadBalancer' || object.spec.?loadBalancerSourceRanges.orValue([]).size() > 0
  message: open to everybody
- expression: object.spec.?loadBalancerSourceRanges.orValue([]).all(r, cidr(r).prefixLength() >= 16)
  message: nearly open to everybody
  reason: Forbidden
- expression: object.spec.ports.exists_one(p, p.port == 443) || object.spec.ports.size() > 1
  message: neither 443 nor several
"""),
    policy("errs", "[secrets]", """
validations:
- expression: int(object.metadata.labels['number']) < 5
  message: the number is too large
"""),
    policy("errs-and-is-let", "[ingresses]", """
validations:
- expression: object.metadata.annotations['host'] == object.spec.rules[0].host
  message: another host
""", group="networking.k8s.io", failure="Ignore"),
    policy("roles", "[roles]", """
validations:
- expression: object.rules.all(r, !('*' in r.verbs) && r.?resources.orValue([]).filter(x, x == 'secrets').size() == 0)
  messageExpression: "'rules ' + string(object.rules.map(r, r.verbs.size())[0])"
- expression: sets.contains(['get', 'list', 'watch', '*'], object.rules[0].verbs)
  message: verbs that change something
""", group="rbac.authorization.k8s.io", actions="Deny, Audit"),
    policy("selected", "[configmaps, secrets]", """
validations:
- expression: "false"
  message: selected
""", binding=", matchResources: {objectSelector: {matchExpressions: [{key: tier, operator: In, values: [a, b]}]}}"),
    policy("marker", "[configmaps]", """
validations:
- expression: object.metadata.name != 'marker'
  message: marked
"""),
])
PATHS = {
    "ConfigMap": "/api/v1/namespaces/default/configmaps", "Secret": "/api/v1/namespaces/default/secrets",
    "Pod": "/api/v1/namespaces/default/pods", "Service": "/api/v1/namespaces/default/services",
    "ServiceAccount": "/api/v1/namespaces/default/serviceaccounts",
    "Deployment": "/apis/apps/v1/namespaces/default/deployments", "StatefulSet": "/apis/apps/v1/namespaces/default/statefulsets",
    "CronJob": "/apis/batch/v1/namespaces/default/cronjobs", "Ingress": "/apis/networking.k8s.io/v1/namespaces/default/ingresses",
    "Role": "/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles",
}
GROUPS = {"Deployment": "apps/v1", "StatefulSet": "apps/v1", "CronJob": "batch/v1", "Ingress": "networking.k8s.io/v1", "Role": "rbac.authorization.k8s.io/v1"}


def made(kind, name, labels=None, annotations=None, **rest):
    metadata = {"name": name, "namespace": "default"}
    metadata |= {"labels": labels} if labels is not None else {}
    metadata |= {"annotations": annotations} if annotations is not None else {}
    return {"apiVersion": GROUPS.get(kind, "v1"), "kind": kind, "metadata": metadata, **rest}


def pod_spec(dice):
    # A port that nobody listens on: what is said of the image is a remark here, and comes at once.
    images = ["127.0.0.1:1/app:1", "127.0.0.1:1/app:latest", "127.0.0.1:1/app", "127.0.0.1:1/app:2"]
    def container(at):
        one = {"name": f"c{at}", "image": dice.choice(images)}
        memory = dice.choice([None, "64Mi", "1Gi", "1.5Gi", "1025Mi", "2e9"])
        return one | ({"resources": {"limits": {"memory": memory}}} if memory else {})
    spec = {"containers": [container(at) for at in range(dice.randint(1, 3))]}
    return spec | ({"initContainers": [container(9)]} if dice.random() < 0.3 else {})


def an_object(dice, number):
    kind, name = dice.choice(list(PATHS)), f"o{number}"
    labels = dice.choice([None, {}, {"tier": "a"}, {"tier": "c"}, {"excused": ""}, {"number": "3"}, {"number": "7"}, {"number": "x"}])
    selected = {"app": name}
    template = {"metadata": {"labels": selected}, "spec": pod_spec(dice)}
    if kind == "ConfigMap":
        data = {dice.choice(["a", "b", "c", "longer-key", "another-key"]): dice.choice(["", "1"]) for _ in range(dice.randint(0, 5))}
        return made(kind, name, labels, **({"data": data} if data or dice.random() < 0.5 else {}))
    if kind == "Secret":
        return made(kind, name, labels, stringData={"a": "b"})
    if kind == "Pod":
        return made(kind, name, labels, spec=template["spec"])
    if kind == "ServiceAccount":
        return made(kind, dice.choice([name, f"admin-{name}"]), labels)
    if kind == "Service":
        ports = [{"port": port, "name": f"p{port}"} for port in dice.sample([80, 443, 8080], dice.randint(1, 2))]
        spec = {"ports": ports, "selector": selected, "type": dice.choice(["ClusterIP", "LoadBalancer", "LoadBalancer"])}
        ranges = dice.choice([[], ["10.0.0.0/8"], ["10.1.0.0/16", "192.168.1.0/24"]])
        return made(kind, name, labels, spec=spec | ({"loadBalancerSourceRanges": ranges} if ranges and spec["type"] != "ClusterIP" else {}))
    if kind in ("Deployment", "StatefulSet"):
        spec = {"selector": {"matchLabels": selected}, "template": template} | ({"serviceName": "s"} if kind == "StatefulSet" else {})
        replicas = dice.choice([None, 0, 1, 2, 3])
        return made(kind, name, labels, spec=spec | ({} if replicas is None else {"replicas": replicas}))
    if kind == "CronJob":
        job = {"template": template | {"spec": template["spec"] | {"restartPolicy": "Never"}}}
        return made(kind, name, labels, spec={"schedule": "0 3 * * *", "jobTemplate": {"spec": job}})
    if kind == "Ingress":
        host = dice.choice(["a.example.com", "b.example.com"])
        backend = {"service": {"name": "s", "port": {"number": 80}}}
        rule = {"host": host, "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}
        return made(kind, name, labels, dice.choice([None, {"host": "a.example.com"}]), spec={"rules": [rule]})
    rules = [{"apiGroups": [""], "resources": [dice.choice(["pods", "secrets"])], "verbs": dice.choice([["get"], ["*"], ["get", "create"]])}
             for _ in range(dice.randint(1, 2))]
    return made(kind, name, labels, rules=rules)


class Api:
    """The API server as the administrator has it."""

    def __init__(self, folder):
        with open(os.path.join(folder, "users/admin.kubeconfig")) as file:
            self.port = int(re.search(r"https://127\.0\.0\.1:(\d+)", file.read()).group(1))
        pki = os.path.join(folder, "pki")
        self.context = ssl.create_default_context(cafile=f"{pki}/ca.crt")
        self.context.load_cert_chain(f"{pki}/user-admin.crt", f"{pki}/user-admin.key")
        self.connection = None

    def call(self, method, path, body=None):
        """Status, body and warnings."""
        if self.connection is None:
            self.connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=40, context=self.context)
        self.connection.request(method, path, json.dumps(body) if body is not None else None, {"Content-Type": "application/json"})
        answer = self.connection.getresponse()
        text = answer.read()
        warnings = [re.match(r'299 - "(.*)"$', value).group(1) for value in answer.headers.get_all("Warning", [])]
        return answer.status, json.loads(text), warnings

    def tried(self, request):
        method, thing = request
        path = PATHS[thing["kind"]] + (f"/{thing['metadata']['name']}" if method == "PUT" else "")
        return self.call(method, path + "?dryRun=All", thing)


def kept(text):
    """What a policy says, without the words of whoever carries it."""
    text = re.sub(r"^.*?(?=ValidatingAdmissionPolicy ')", "", text.replace('\\"', '"'))
    return re.sub(r"(ValidatingAdmissionPolicy '[^']+' with binding '[^']+') denied request: ", r"\1: ", text)


def said(answer):
    """Whether it is allowed, the first words of the denial, and the warnings' words."""
    status, body, warnings = answer
    assert status in (200, 201) or status in (403, 422), (status, body)
    denial = kept(body["message"]) if status >= 400 else None
    return denial, sorted(kept(text) for text in warnings if "ValidatingAdmissionPolicy" in text)


def agree(real, ours):
    # The API server tells of the first that denies; a webhook of all of them.
    if (real[0] is None) != (ours[0] is None):
        return False
    return (real[0] is None or real[0] in ours[0]) and real[1] == ours[1]


class Run:
    def __init__(self, plimsoll, work, binaries):
        self.plimsoll, self.work, self.binaries = plimsoll, work, binaries
        self.env = {"PATH": os.environ["PATH"], "HOME": work, "PLIMSOLL_CACHE_DIR": os.path.join(work, "cache")}
        self.port = free_port()
        self.failures = 0

    def write(self, name, text):
        path = os.path.join(self.work, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path + ".new", "w") as file:
            file.write(text)
        os.rename(path + ".new", path)
        return path

    def check(self, true, what):
        if not true:
            self.failures += 1
            print(f"differs: {what}", file=sys.stderr)

    def gate(self, name, sets):
        policy = self.write(f"{name}/loadline.yaml", LOADLINE.format(sets=sets, more=""))
        return Gate(self.plimsoll, "--cert=gate.pem", "--key=gate-key.pem", "--policy", policy, cwd=self.work, env=self.env, port=self.port)

    def hooked(self):
        """From now on the API server asks."""
        with open(os.path.join(self.work, "gate.pem"), "rb") as file:
            self.hook(webhook(self.port, file.read()))

    def hook(self, text):
        path = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
        status, body, _ = self.api.call("POST", path, json.loads(text))
        assert status == 201, body

    def unhooked(self):
        self.api.call("DELETE", "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/policies")

    def kube(self, *args, given=None):
        env = dict(self.env, KUBECONFIG=self.cluster.kubeconfig, KUBERC="off")
        return subprocess.run([self.cluster.kubectl, *args], input=given, env=env, check=True, capture_output=True, text=True, timeout=60).stdout

    def until_denied(self, thing, words):
        wait_until(lambda: words in str(self.api.tried(("POST", thing))[1].get("message")), 30, f"nobody denies with {words!r}")

    # --- the four parts ----------------------------------------------------------------------------------------

    def actions(self):
        constraints = "".join(CONSTRAINT.format(label=label, action=action) for label, action in
                              [("owner", "deny"), ("team", "warn"), ("tier", "dryrun")])
        self.write("actions/set/all.yaml", TEMPLATE + constraints)
        with self.gate("actions", "{gatekeeper: set/}"):
            self.hooked()
            thing = lambda *labels: ("POST", made("ConfigMap", "a", {label: "x" for label in labels}))
            self.until_denied(thing()[1], "the label owner is missing")
            for labels, denied, warned in [
                (("owner", "team", "tier"), None, 0), (("owner", "team"), None, 0), (("owner", "tier"), None, 1),
                (("team", "tier"), "[owner] the label owner is missing", 0), ((), "[owner] the label owner is missing", 1),
            ]:
                status, body, warnings = self.api.tried(thing(*labels))
                words = [text for text in warnings if "[team] the label team is missing" in text]
                right = (status == 201) == (denied is None) and len(words) == warned
                self.check(right and "tier is missing" not in f"{body}{warnings}", f"{labels}: {status} {body.get('message')} {warnings}")
                if denied:
                    self.check(denied in body["message"], body["message"])
            self.unhooked()
        print("say: a template refuses, warns and is silent as its three constraints say")

    def requests(self):
        """100 requests, always the same."""
        dice = random.Random(7)
        requests = [("POST", an_object(dice, number)) for number in range(85)]
        for number in range(15):
            name = f"there{number}"
            annotations = {"frozen": "yes"} if number % 2 else None
            before = made("ConfigMap", name, None, annotations, data={"a": "1"})
            status, body, _ = self.api.call("POST", PATHS["ConfigMap"], before)
            assert status == 201, body
            after = made("ConfigMap", name, dice.choice([None, {"tier": "b"}]), annotations, data={"a": dice.choice(["1", "2"])})
            requests.append(("PUT", after))
        return requests

    def beside(self):
        parameters = made("ConfigMap", "parameters", data={"most": "2"})
        status, body, _ = self.api.call("POST", PATHS["ConfigMap"], parameters)
        assert status == 201, body
        requests = self.requests()
        self.kube("apply", "-f", "-", given=POLICIES)
        marker = made("ConfigMap", "marker")
        self.until_denied(marker, "marked")
        # The parameters have a watch of their own.
        self.until_denied(made("ConfigMap", "many", data={"a": "1", "b": "1", "c": "1"}), "more than 2 keys")
        time.sleep(2)
        real = [said(self.api.tried(request)) for request in requests]
        self.kube("delete", "-f", "-", given=POLICIES)
        wait_until(lambda: self.api.tried(("POST", marker))[0] == 201, 30, "the policies stay")
        time.sleep(2)
        self.write("beside/set/policies.yaml", POLICIES)
        self.write("beside/set/parameters.json", json.dumps(parameters))
        with self.gate("beside", "{cel: set/}"):
            self.hooked()
            self.until_denied(marker, "marked")
            ours = [said(self.api.tried(request)) for request in requests]
            self.unhooked()
        before = self.failures
        for request, one, other in zip(requests, real, ours):
            self.check(agree(one, other), f"{json.dumps(request)}\n  the API server: {one}\n  the gate:       {other}")
        denied, warned = sum(one[0] is not None for one in real), sum(bool(one[1]) for one in real)
        policies = {re.match(r"ValidatingAdmissionPolicy '([^']+)'", text).group(1) for one in real for text in [*one[1], *([one[0]] if one[0] else [])]
                    if text.startswith("ValidatingAdmissionPolicy")}
        # A comparison in which nothing is denied, or everything is, compares nothing.
        assert len(real) == 100 and 20 <= denied <= 80 and warned >= 3 and len(policies) >= 9, (len(real), denied, warned, policies)
        print(f"say: 100 requests beside the API server's own ValidatingAdmissionPolicies: {denied} denied, {warned} warned of, {self.failures - before} differ")

    def changes(self):
        rule = "package p\n\nimport rego.v1\n\ndeny contains \"set {}\" if input.request.object.kind == \"ConfigMap\"\n"
        self.write("changes/rego/a.rego", rule.format("A"))
        answers, ended = {}, threading.Event()
        with self.gate("changes", "{rego: rego/}") as gate:
            self.hooked()
            thing = made("ConfigMap", "a")
            self.until_denied(thing, "set A")

            def load():
                api = Api(self.cluster.folder)
                while not ended.is_set():
                    try:
                        message = str(api.tried(("POST", thing))[1].get("message"))
                        answer = re.sub(r".*(set [A-Z]).*", r"\1", message)
                    except Exception as error:  # whatever it is, an answer that none of the sets gave
                        answer, api = str(error), Api(self.cluster.folder)
                    answers[answer] = answers.get(answer, 0) + 1

            threads = [threading.Thread(target=load) for _ in range(2)]
            for thread in threads:
                thread.start()
            try:
                wait_until(lambda: "set A" in answers, 30, "no request is answered by set A")
                for name, text, words in [("a", rule.format("B"), "set B"), ("b", "package p\n\ndeny contains x if y\n", None), ("b", None, "set B"), ("a", rule.format("C"), "set C")]:
                    if text is None:
                        os.remove(os.path.join(self.work, f"changes/rego/{name}.rego"))
                    else:
                        self.write(f"changes/rego/{name}.rego", text)
                    if words:
                        self.until_denied(thing, words)
                    else:
                        wait_until(lambda: b"rego_unsafe_var_error" in gate.call("GET", "/readyz")[1], 30, "nobody tells of the fault")
                wait_until(lambda: "set C" in answers, 30, "no request is answered by set C")
            finally:
                ended.set()
                for thread in threads:
                    thread.join()
            self.unhooked()
        self.check(set(answers) == {"set A", "set B", "set C"}, f"answers while the folder changed: {answers}")
        print(f"say: policies changed three times and broke once under {sum(answers.values())} requests, none was lost: {answers}")

    def mutations(self):
        self.write("mutations/set/all.yaml", MUTATORS)
        containers = [{"name": "a", "image": "127.0.0.1:1/app:1"}, {"name": "b", "image": "127.0.0.1:1/app:2", "args": ["--safe", "--own"], "imagePullPolicy": "Never"}]
        thing = made("Pod", "changed", {"kept": "yes"}, spec={"containers": containers})
        with self.gate("mutations", "{gatekeeper: set/}"):
            with open(os.path.join(self.work, "gate.pem"), "rb") as file:
                hook = json.loads(webhook(self.port, file.read()))
            hook["kind"] = "MutatingWebhookConfiguration"
            for one in hook["webhooks"]:
                # Of what one mutator makes another may have something to say: the API server may ask again.
                one |= {"reinvocationPolicy": "IfNeeded"}
                one["clientConfig"]["url"] = one["clientConfig"]["url"].replace("/validate", "/mutate")
            path = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
            status, body, _ = self.api.call("POST", path, hook)
            assert status == 201, body
            changed = lambda: self.api.tried(("POST", thing))[1].get("metadata", {}).get("labels", {}).get("team") == "nobody"
            wait_until(changed, 30, "nobody changes the pod")
            status, kept, _ = self.api.call("POST", PATHS["Pod"], thing)
            self.check(status == 201, f"a pod that is changed: {status} {kept}")
            want = [("127.0.0.1:2/app:1", ["--quiet", "--safe"], "Always"), ("127.0.0.1:2/app:2", ["--safe", "--own", "--quiet"], "Always")]
            have = [(one["image"], one.get("args"), one["imagePullPolicy"]) for one in kept.get("spec", {}).get("containers", [])]
            self.check(have == want, f"containers as they are kept: {have}")
            self.check(kept["metadata"].get("labels") == {"kept": "yes", "team": "nobody"}, kept["metadata"])
            # What is there changes no more: an update of it asks again.
            status, again, _ = self.api.call("PUT", f"{PATHS['Pod']}/changed?dryRun=All", kept)
            self.check(status == 200 and again["spec"] == kept["spec"], f"an update: {status} {again}")
            self.api.call("DELETE", f"{path}/policies")
        print("say: four kinds of mutators change a pod at the API server as they say, and once")

    def all(self):
        subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
        subprocess.run(["openssl", "req", "-nodes", "-new", "-x509", "-days", "2", "-keyout", "gate-key.pem", "-out", "gate.pem", *subject],
                       cwd=self.work, check=True, capture_output=True)
        os.chmod(os.path.join(self.work, "gate-key.pem"), 0o600)
        with Cluster(os.path.join(self.work, "cluster"), self.binaries) as self.cluster:
            self.cluster.start()
            self.api = Api(self.cluster.folder)
            self.actions()
            self.beside()
            self.changes()
            self.mutations()
        return self.failures


def main():
    plimsoll, work, binaries = (os.path.abspath(path) for path in sys.argv[1:4])
    shutil.rmtree(work, ignore_errors=True)
    os.makedirs(work)
    sys.exit(1 if Run(plimsoll, work, binaries).all() else 0)


if __name__ == "__main__":
    main()
