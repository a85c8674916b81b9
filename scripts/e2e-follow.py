#!/usr/bin/env python3
"""What policies look at in the cluster, and deletions, at a real API server.

Usage: scripts/e2e-follow.py PLIMSOLL WORK APISERVER       (needs etcd-server, openssl; APISERVER is what
       scripts/peers/build-apiserver.sh filled)

The gate reads the cluster as the account and with the rights that `plimsoll install --follow-cluster` writes, and no others.

1. A template sees the ingresses of other namespaces as they come and go; the labels of a namespace and a ConfigMap of
   parameters count as they are changed, without a restart.
2. The API server stands still: what was followed is believed for its time, then what looks at it could not tell; when it goes
   on, so does the gate.
3. ValidatingAdmissionPolicies decide of deletions, with namespaces' labels and parameters, as the API server does that has the
   same policies. Everything is a dry run.
"""
import importlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
policies = importlib.import_module("e2e-policies")
from gate_peer import Gate, wait_until, webhook  # noqa: E402
from seeds_gatekeeper import LOADLINE  # noqa: E402

STALE = 10

UNIQUE_HOST = """apiVersion: config.gatekeeper.sh/v1alpha1
kind: Config
metadata: {name: config, namespace: gatekeeper-system}
spec: {sync: {syncOnly: [{group: networking.k8s.io, version: v1, kind: Ingress}]}}
---
apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: uniquehost}
spec:
  crd: {spec: {names: {kind: UniqueHost}}}
  targets:
  - target: admission.k8s.gatekeeper.sh
    rego: |
      package uniquehost
      violation[{"msg": msg}] {
        input.review.operation != "DELETE"
        host := input.review.object.spec.rules[_].host
        other := data.inventory.namespace[ns]["networking.k8s.io/v1"]["Ingress"][name]
        other.spec.rules[_].host == host
        not same(ns, name)
        msg := sprintf("the host %v is %v/%v", [host, ns, name])
      }
      same(ns, name) { ns == input.review.namespace; name == input.review.name }
---
apiVersion: constraints.gatekeeper.sh/v1beta1
kind: UniqueHost
metadata: {name: everywhere}
spec: {match: {kinds: [{apiGroups: [networking.k8s.io], kinds: [Ingress]}]}}
---
apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: frozen}
spec:
  crd: {spec: {names: {kind: Frozen}}}
  targets:
  - target: admission.k8s.gatekeeper.sh
    rego: |
      package frozen
      violation[{"msg": msg}] { msg := sprintf("nothing is changed in %v", [input.review.namespaceObject.metadata.labels.env]) }
---
apiVersion: constraints.gatekeeper.sh/v1beta1
kind: Frozen
metadata: {name: prod}
spec: {match: {kinds: [{apiGroups: [""], kinds: [Secret]}], namespaceSelector: {matchLabels: {env: prod}}}}
"""

PARAMETERS = policies.policy("few-keys", "[configmaps]", """
paramKind: {apiVersion: v1, kind: ConfigMap}
matchConditions: [{name: not-the-parameters, expression: object.metadata.name != 'parameters'}]
validations:
- expression: "object.data.size() <= int(params.data.most)"
  messageExpression: "'more than ' + params.data.most + ' keys'"
""", binding=", paramRef: {name: parameters, namespace: settings, parameterNotFoundAction: Deny}")

DELETIONS = "".join([
    policies.policy("kept", "[configmaps, secrets]", """
validations:
- expression: "object == null && !(has(oldObject.metadata.labels) && 'kept' in oldObject.metadata.labels)"
  messageExpression: "oldObject.metadata.name + ' is kept'"
""", operations="[DELETE]"),
    policies.policy("by-namespace", "['*']", """
matchConditions: [{name: own, expression: "request.name.startsWith('d')"}]
validations:
- expression: "!has(namespaceObject.metadata.labels) || !('locked' in namespaceObject.metadata.labels)"
  messageExpression: "'nothing goes away in ' + namespaceObject.metadata.name"
  reason: Forbidden
""", group="'*'", operations="[DELETE]"),
    policies.policy("old", "[configmaps, deployments]", """
paramKind: {apiVersion: v1, kind: ConfigMap}
validations:
- expression: "!has(oldObject.metadata.labels) || !('tier' in oldObject.metadata.labels) || oldObject.metadata.labels['tier'] != params.data.tier"
  messageExpression: "'tier ' + params.data.tier + ' stays'"
""", group='"", apps', actions="Warn", operations="[DELETE, UPDATE]",
                    binding=", paramRef: {selector: {matchLabels: {for: deletions}}, namespace: settings, parameterNotFoundAction: Allow}"),
    policies.policy("selected", "[services, configmaps]", """
validations:
- expression: "request.operation != 'DELETE'"
  message: nothing is deleted here
""", operations="['*']", binding=", matchResources: {namespaceSelector: {matchLabels: {env: prod}}, objectSelector: {matchExpressions: [{key: tier, operator: Exists}]}}"),
    policies.policy("errs", "[serviceaccounts]", """
validations:
- expression: "int(oldObject.metadata.labels['number']) < 5"
  message: the number is too large
""", operations="[DELETE]"),
    policies.policy("marker", "[configmaps]", """
validations:
- expression: object.metadata.name != 'marker'
  message: marked
"""),
])


class Run(policies.Run):
    def in_space(self, space, thing):
        return thing | {"metadata": thing["metadata"] | {"namespace": space}}

    def path(self, thing, named=True):
        path = policies.PATHS[thing["kind"]].replace("/default/", f"/{thing['metadata']['namespace']}/")
        return path + (f"/{thing['metadata']['name']}" if named else "")

    def made(self, thing):
        status, body, _ = self.api.call("POST", self.path(thing, named=False), thing)
        assert status == 201, body

    def tried(self, thing):
        status, body, _ = self.api.call("POST", self.path(thing, named=False) + "?dryRun=All", thing)
        return status, str(body.get("message", ""))

    def until_said(self, thing, status, words=""):
        def holds():
            found, message = self.tried(thing)
            return found == status and words in message
        wait_until(holds, 30, f"{thing['kind']} {thing['metadata']}: never {status} with {words!r}: {self.tried(thing)}")

    def labelled(self, space, **labels):
        self.kube("label", "namespace", space, "--overwrite", *[f"{key}={value}" for key, value in labels.items()])

    def gate(self, name, sets):
        """A gate that is in the cluster who `install` says, and may what `install` says."""
        policy = self.write(f"{name}/loadline.yaml", LOADLINE.format(sets=sets, more=""))
        out = os.path.join(self.work, f"{name}/install")
        subprocess.run([self.plimsoll, "install", "--follow-cluster", "--road", "webhook", "--policy", policy, "--out", out, "-q"],
                                check=True, env=self.env, cwd=self.work)
        manifests = os.path.join(out, "webhook/manifests")
        self.kube("apply", "-f", f"{manifests}/00-namespace.yaml", "-f", f"{manifests}/10-account.yaml")
        token = self.kube("create", "token", "plimsoll", "--namespace", "plimsoll-system", "--duration", "1h").strip()
        with open(self.cluster.kubeconfig) as file:
            admin = file.read()
        user = re.sub(r"user: \{client-certificate-data.*?\}", lambda _: f'user: {{token: "{token}"}}', admin)
        assert "client-" not in user, user
        kubeconfig = self.write(f"{name}/kubeconfig", user)
        os.chmod(kubeconfig, 0o600)
        with open(f"{manifests}/90-validating.yaml") as file:
            self.asks_deletions = "DELETE" in file.read()
        return Gate(self.plimsoll, "--cert=gate.pem", "--key=gate-key.pem", "--policy", policy, "--follow-cluster", "--kubeconfig", kubeconfig,
                    f"--cluster-stale={STALE}", cwd=self.work, env=self.env, port=self.port)

    def hooked(self, *more):
        with open(os.path.join(self.work, "gate.pem"), "rb") as file:
            configuration = json.loads(webhook(self.port, file.read()))
        configuration["webhooks"][0]["rules"][0]["operations"] += more
        configuration["webhooks"][0]["namespaceSelector"]["matchExpressions"][0]["values"].append("settings")
        self.hook(json.dumps(configuration))

    # --- the three parts ----------------------------------------------------------------------------------------

    def follows(self):
        self.write("follow/set/gatekeeper.yaml", UNIQUE_HOST)
        self.write("follow/vap/few.yaml", PARAMETERS)
        ingress = policies.made("Ingress", "mine", spec={"rules": [{"host": "a.example.com", "http": {"paths": [
            {"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "s", "port": {"number": 80}}}}]}}]})
        theirs = self.in_space("shop", ingress | {"metadata": {"name": "theirs"}})
        many = policies.made("ConfigMap", "many", data={"a": "1", "b": "2"})
        secret = policies.made("Secret", "any", stringData={"a": "b"})
        with self.gate("follow", "{gatekeeper: set/}, {cel: vap/}") as gate:
            wait_until(lambda: gate.call("GET", "/readyz")[0] == 200, 30, "the gate is never ready")
            self.hooked()
            self.until_said(many, 403, "no params found")
            self.made(self.in_space("settings", policies.made("ConfigMap", "parameters", data={"most": "1"})))
            self.until_said(many, 403, "more than 1 keys")
            self.kube("patch", "configmap", "parameters", "--namespace", "settings", "--patch", '{"data": {"most": "2"}}')
            self.until_said(many, 201)
            self.until_said(ingress, 201)
            self.made(theirs)
            self.until_said(ingress, 403, "the host a.example.com is shop/theirs")
            self.api.call("DELETE", self.path(theirs))
            self.until_said(ingress, 201)
            self.until_said(secret, 201)
            self.labelled("default", env="prod")
            self.until_said(secret, 403, "nothing is changed in prod")
            self.labelled("default", env="test")
            self.until_said(secret, 201)
            page = gate.call("GET", "/readyz")[1].decode()
            kinds = ["Ingress of networking.k8s.io/v1", "Namespace of v1", 'ConfigMap of v1 in namespace "settings"']
            self.check(all(f"cluster {kind}: " in page for kind in kinds), page)
            print("say: an inventory, parameters and a namespace's labels count as they are in the cluster, read by the account that install made")
            self.stands_still(gate, ingress)
            self.until_said(ingress, 201)
            self.unhooked()
        print("say: an API server that stands still is believed for its time, then what looks at it could not tell, and it goes on afterwards")

    def stands_still(self, gate, ingress):
        kind = {"group": "networking.k8s.io", "version": "v1", "kind": "Ingress"}
        request = {"uid": "1", "kind": kind, "resource": {"group": kind["group"], "version": "v1", "resource": "ingresses"},
                   "namespace": "default", "name": "mine", "operation": "CREATE", "object": ingress, "userInfo": {}}
        review = json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request})

        def said():
            response = json.loads(gate.call("POST", "/validate", review)[1])["response"]
            return response["allowed"], response.get("status", {}).get("message", "")

        self.check(said()[0], f"before: {said()}")
        with open(os.path.join(self.cluster.folder, "apiserver.pid")) as file:
            process = int(file.read())
        os.kill(process, signal.SIGSTOP)
        try:
            began = time.monotonic()
            self.check(said()[0], f"at once: {said()}")
            wait_until(lambda: not said()[0], 3 * STALE, f"it is believed for ever: {said()}")
            took = time.monotonic() - began
            self.check("last heard of" in said()[1] and took > STALE / 2, f"after {took:.1f} s: {said()}")
        finally:
            os.kill(process, signal.SIGCONT)
        wait_until(lambda: said()[0], 60, f"it stays unknown: {said()}")

    def to_delete(self):
        dice = random.Random(11)
        things = []
        for number in range(60):
            kind = dice.choice(["ConfigMap", "ConfigMap", "Secret", "Service", "ServiceAccount", "Deployment"])
            labels = {"number": dice.choice(["3", "7", "x"])} | dice.choice([{}, {"kept": "yes"}, {"tier": "a"}, {"tier": "b"}])
            labels = dice.choice([labels, labels, None])
            rest = {"Service": {"spec": {"ports": [{"port": 80}]}}, "Deployment": {"spec": {
                "selector": {"matchLabels": {"app": "x"}}, "template": {"metadata": {"labels": {"app": "x"}}, "spec": policies.pod_spec(dice)}}}}
            thing = policies.made(kind, dice.choice(["d", "e"]) + str(number), labels, **rest.get(kind, {}))
            things.append(self.in_space(dice.choice(["default", "shop", "vault"]), thing))
        return things

    def deletes(self):
        self.labelled("vault", locked="yes")
        self.labelled("shop", env="prod")
        self.made(self.in_space("settings", policies.made("ConfigMap", "first", {"for": "deletions"}, data={"tier": "a"})))
        self.made(self.in_space("settings", policies.made("ConfigMap", "second", {"for": "deletions"}, data={"tier": "b"})))
        things = self.to_delete()
        for thing in things:
            self.made(thing)
        marker = policies.made("ConfigMap", "marker")

        def all_deleted():
            return [policies.said(self.api.call("DELETE", self.path(thing) + "?dryRun=All")) for thing in things]

        self.kube("apply", "-f", "-", given=DELETIONS)
        self.until_denied(marker, "marked")
        time.sleep(3)
        real = all_deleted()
        self.kube("delete", "-f", "-", given=DELETIONS)
        wait_until(lambda: self.api.tried(("POST", marker))[0] == 201, 30, "the policies stay")
        time.sleep(2)
        self.write("deletes/set/policies.yaml", DELETIONS)
        with self.gate("deletes", "{cel: set/}") as gate:
            self.check(self.asks_deletions, "install does not ask about deletions")
            wait_until(lambda: gate.call("GET", "/readyz")[0] == 200, 30, "the gate is never ready")
            self.hooked("DELETE")
            self.until_denied(marker, "marked")
            ours = all_deleted()
            self.unhooked()
        before = self.failures
        for thing, one, other in zip(things, real, ours):
            self.check(policies.agree(one, other), f"{json.dumps(thing)}\n  the API server: {one}\n  the gate:       {other}")
        denied, warned = sum(one[0] is not None for one in real), sum(bool(one[1]) for one in real)
        names = {re.match(r"ValidatingAdmissionPolicy '([^']+)'", text).group(1) for one in real for text in [*one[1], *([one[0]] if one[0] else [])]}
        # A comparison in which nothing is denied, or everything is, compares nothing.
        assert 15 <= denied <= 50 and warned >= 3 and len(names) == 5, (len(real), denied, warned, names)
        print(f"say: {len(real)} deletions beside the API server's own ValidatingAdmissionPolicies: {denied} denied, {warned} warned of, {self.failures - before} differ")

    def all(self):
        subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
        subprocess.run(["openssl", "req", "-nodes", "-new", "-x509", "-days", "2", "-keyout", "gate-key.pem", "-out", "gate.pem", *subject],
                                cwd=self.work, check=True, capture_output=True)
        os.chmod(os.path.join(self.work, "gate-key.pem"), 0o600)
        with policies.Cluster(os.path.join(self.work, "cluster"), self.binaries) as self.cluster:
            self.cluster.start()
            self.api = policies.Api(self.cluster.folder)
            for space in ["shop", "vault", "settings"]:
                self.kube("create", "namespace", space)
            self.follows()
            self.deletes()
        return self.failures


def main():
    plimsoll, work, binaries = (os.path.abspath(path) for path in sys.argv[1:4])
    shutil.rmtree(work, ignore_errors=True)
    os.makedirs(work)
    sys.exit(1 if Run(plimsoll, work, binaries).all() else 0)


if __name__ == "__main__":
    main()
