#!/usr/bin/env python3
"""The API server's defaults, ours beside a real server's:

    scripts/peers/defaults.py WORK APISERVER [DEFAULTED]

WORK is a folder for etcd and keys, APISERVER what scripts/peers/build-apiserver.sh filled, DEFAULTED the program of
crates/plimsoll-defaults/examples. Each object is created there with dry run, without the admission plugins that add fields;
what storing adds is taken out of the answer, and what is left must be what ours makes of the same object.
"""
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
from cluster_peer import Cluster  # noqa: E402

PLUGINS = "ServiceAccount,Priority,DefaultTolerationSeconds,LimitRanger,ResourceQuota,StorageObjectInUseProtection,TaintNodesByCondition,DefaultStorageClass,DefaultIngressClass,NamespaceLifecycle"


def pod(spec=None, **container):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x", "namespace": "default"},
            "spec": {"containers": [{"name": "c", "image": "nginx", **container}], **(spec or {})}}


def thing(version, kind, spec=None, name="x", namespace="default", **more):
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **({"spec": spec} if spec is not None else {}), **more}


LABELS = {"app": "x"}
TEMPLATE = {"metadata": {"labels": LABELS}, "spec": {"containers": [{"name": "c", "image": "nginx:1.27"}]}}
ONCE = {"metadata": {"labels": LABELS}, "spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "nginx"}]}}
SELECTOR = {"matchLabels": LABELS}
DIGEST = "sha256:" + "ab" * 32


def cases():
    """Each is one object."""
    yield pod()
    for image in ["nginx:latest", "nginx:1.27", f"nginx@{DIGEST}", f"nginx:latest@{DIGEST}", "host:5000/a/b", "host:5000/a/b:v1", "Nginx", "a b"]:
        yield pod(image=image)
    yield pod(imagePullPolicy="Never")
    yield pod(ports=[{"containerPort": 80}, {"containerPort": 53, "protocol": "UDP"}])
    yield pod({"hostNetwork": True}, ports=[{"containerPort": 80}])
    for quantity in ["0.5", 0.5, 1, "1000m", "1500m", "1e3", "0.0001", "100u"]:
        yield pod(resources={"limits": {"cpu": quantity}})
    for quantity in ["1024Mi", "1.5Gi", "0.5Gi", 134217728, "129M", "1000k", "1536Mi", "1E", "123.5Mi", "12e6"]:
        yield pod(resources={"requests": {"memory": quantity}})
    yield pod(resources={"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "250m"}})
    yield pod(livenessProbe={"httpGet": {"port": 80}}, readinessProbe={"tcpSocket": {"port": "http"}, "periodSeconds": 3},
              startupProbe={"grpc": {"port": 9}, "failureThreshold": 30})
    yield pod(lifecycle={"preStop": {"httpGet": {"port": 80, "path": "/bye"}}, "postStart": {"exec": {"command": ["true"]}}})
    yield pod(env=[{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                   {"name": "B", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "containerName": "c"}}},
                   {"name": "C", "value": "d"}, {"name": "E"}])
    yield pod({"initContainers": [{"name": "i", "image": "busybox", "resources": {"limits": {"memory": "2048Mi"}}}]})
    yield pod({"restartPolicy": "OnFailure", "terminationGracePeriodSeconds": 0, "dnsPolicy": "Default", "enableServiceLinks": False,
               "securityContext": {"runAsNonRoot": True}})
    yield pod({"serviceAccountName": "web"})
    yield pod({"serviceAccount": "web"})
    volumes = [
        {"name": "a"}, {"name": "b", "emptyDir": {"sizeLimit": "1024Mi"}}, {"name": "c", "secret": {"secretName": "s"}},
        {"name": "d", "configMap": {"name": "s", "defaultMode": 256}}, {"name": "e", "hostPath": {"path": "/x"}},
        {"name": "f", "downwardAPI": {"items": [{"path": "n", "fieldRef": {"fieldPath": "metadata.name"}}]}},
        {"name": "g", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}, {"configMap": {"name": "k"}},
                                               {"downwardAPI": {"items": [{"path": "n", "fieldRef": {"fieldPath": "metadata.uid"}}]}}]}},
        {"name": "h", "ephemeral": {"volumeClaimTemplate": {"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1024Mi"}}}}}},
        {"name": "i", "image": {"reference": "quay.io/a/b:v1"}}, {"name": "j", "iscsi": {"targetPortal": "1.2.3.4", "iqn": "iqn.2001-04.com.example:a", "lun": 0}},
        {"name": "k", "rbd": {"monitors": ["m"], "image": "i"}}, {"name": "l", "csi": {"driver": "d.example.com"}},
        {"name": "m", "persistentVolumeClaim": {"claimName": "p"}}, {"name": "n", "nfs": {"server": "s", "path": "/"}},
    ]
    for volume in volumes:
        yield pod({"volumes": [volume], "serviceAccountName": "web"})
    yield thing("v1", "ReplicationController", {"template": TEMPLATE})
    yield thing("v1", "ReplicationController", {"replicas": 3, "selector": LABELS, "template": TEMPLATE})
    yield {**thing("v1", "PodTemplate"), "template": TEMPLATE}
    for spec in [{}, {"replicas": 0}, {"strategy": {"type": "Recreate"}}, {"strategy": {"rollingUpdate": {"maxSurge": 1}}},
                 {"revisionHistoryLimit": 0, "progressDeadlineSeconds": 5, "minReadySeconds": 3}]:
        yield thing("apps/v1", "Deployment", {"selector": SELECTOR, "template": TEMPLATE, **spec})
    for spec in [{}, {"updateStrategy": {"type": "OnDelete"}}, {"updateStrategy": {"rollingUpdate": {"maxUnavailable": "10%"}}}]:
        yield thing("apps/v1", "DaemonSet", {"selector": SELECTOR, "template": TEMPLATE, **spec})
    claim = {"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "10Gi"}}}}
    for spec in [{}, {"updateStrategy": {"type": "OnDelete"}}, {"serviceName": "web", "volumeClaimTemplates": [claim]},
                 {"updateStrategy": {"type": "RollingUpdate"}}, {"persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete"}}]:
        yield thing("apps/v1", "StatefulSet", {"selector": SELECTOR, "template": TEMPLATE, **spec})
    yield thing("apps/v1", "ReplicaSet", {"selector": SELECTOR, "template": TEMPLATE})
    for spec in [{}, {"parallelism": 3}, {"completions": 3, "completionMode": "Indexed"}, {"completions": 2, "completionMode": "Indexed", "backoffLimitPerIndex": 1},
                 {"podFailurePolicy": {"rules": [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]}]}}, {"suspend": True}]:
        yield thing("batch/v1", "Job", {"template": ONCE, **spec})
    yield thing("batch/v1", "CronJob", {"schedule": "* * * * *", "jobTemplate": {"spec": {"template": ONCE}}})
    yield thing("batch/v1", "CronJob", {"schedule": "* * * * *", "concurrencyPolicy": "Forbid", "failedJobsHistoryLimit": 0, "jobTemplate": {"spec": {"template": ONCE}}})
    port = {"port": 80}
    for spec in [{"ports": [port]}, {"ports": [{"port": 80, "targetPort": "http", "protocol": "UDP"}]}, {"type": "NodePort", "ports": [port]},
                 {"type": "LoadBalancer", "ports": [port]}, {"clusterIP": "None", "ports": [port]}, {"sessionAffinity": "ClientIP", "ports": [port]},
                 {"type": "ExternalName", "externalName": "example.com"}, {"externalIPs": ["1.2.3.4"], "ports": [port]}]:
        yield thing("v1", "Service", spec)
    yield thing("v1", "Secret", data={"a": "Yg=="})
    yield thing("v1", "Secret", type="kubernetes.io/basic-auth", stringData={"username": "a", "password": "b"})
    yield thing("v1", "ConfigMap", data={"a": "b"})
    yield thing("v1", "ConfigMap")
    yield thing("v1", "ServiceAccount")
    yield thing("v1", "Namespace", name="shop", namespace=None)
    yield thing("v1", "PersistentVolume", {"capacity": {"storage": "1024Gi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/x"}}, namespace=None)
    yield thing("v1", "PersistentVolumeClaim", {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1024Mi"}}})
    yield thing("v1", "LimitRange", {"limits": [{"type": "Container", "max": {"cpu": "2000m"}, "min": {"cpu": "0.1"}}, {"type": "Pod", "max": {"memory": "1024Mi"}}]})
    yield thing("v1", "LimitRange", {"limits": [{"type": "Container", "default": {"memory": "512Mi"}}]})
    yield thing("v1", "ResourceQuota", {"hard": {"limits.cpu": 4000, "pods": "10", "requests.memory": "1024Gi"}})
    yield {**thing("v1", "Endpoints"), "subsets": [{"addresses": [{"ip": "1.2.3.4"}], "ports": [port]}]}
    for spec in [{}, {"podSelector": {}, "egress": [{"ports": [{"port": 53}]}]}, {"podSelector": LABELS and {"matchLabels": LABELS}, "policyTypes": ["Egress"]},
                 {"podSelector": {}, "ingress": [{"ports": [{"protocol": "UDP", "port": 1}], "from": [{"podSelector": {}}]}]}]:
        yield thing("networking.k8s.io/v1", "NetworkPolicy", spec)
    backend = {"service": {"name": "web", "port": {"number": 80}}}
    yield thing("networking.k8s.io/v1", "Ingress", {"rules": [{"host": "a.example.com", "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}]})
    yield thing("networking.k8s.io/v1", "IngressClass", {"controller": "example.com/c", "parameters": {"kind": "P", "name": "p"}}, namespace=None)
    rbac = "rbac.authorization.k8s.io"
    yield {**thing(f"{rbac}/v1", "Role"), "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]}
    yield {**thing(f"{rbac}/v1", "RoleBinding"), "roleRef": {"kind": "Role", "name": "x", "apiGroup": rbac},
           "subjects": [{"kind": "User", "name": "a"}, {"kind": "ServiceAccount", "name": "b", "namespace": "default"}, {"kind": "Group", "name": "g"}]}
    yield {**thing(f"{rbac}/v1", "ClusterRoleBinding", namespace=None), "roleRef": {"kind": "ClusterRole", "name": "x"}, "subjects": [{"kind": "User", "name": "a"}]}
    target = {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "x"}, "maxReplicas": 5}
    yield thing("autoscaling/v1", "HorizontalPodAutoscaler", target)
    yield thing("autoscaling/v2", "HorizontalPodAutoscaler", target)
    yield thing("autoscaling/v2", "HorizontalPodAutoscaler", {**target, "behavior": {"scaleDown": {"stabilizationWindowSeconds": 60}}})
    yield thing("policy/v1", "PodDisruptionBudget", {"minAvailable": 1, "selector": SELECTOR})
    yield {**thing("storage.k8s.io/v1", "StorageClass", namespace=None), "provisioner": "example.com/p"}
    yield {**thing("scheduling.k8s.io/v1", "PriorityClass", namespace=None), "value": 10}
    rules = {"resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}]}
    admission = "admissionregistration.k8s.io/v1"
    yield thing(admission, "ValidatingAdmissionPolicy", {"matchConstraints": rules, "validations": [{"expression": "true"}]}, namespace=None)
    yield thing(admission, "ValidatingAdmissionPolicyBinding", {"policyName": "x", "validationActions": ["Deny"], "matchResources": {"namespaceSelector": SELECTOR}}, namespace=None)
    webhook = {"name": "a.example.com", "sideEffects": "None", "admissionReviewVersions": ["v1"], "clientConfig": {"service": {"name": "s", "namespace": "n"}},
               "rules": rules["resourceRules"]}
    for kind in ["ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"]:
        yield {**thing(admission, kind, namespace=None), "webhooks": [webhook]}
    yield {**thing("coordination.k8s.io/v1", "Lease"), "spec": {"holderIdentity": "a"}}


def documents(text):
    """JSON documents, one after another."""
    decoder, at = json.JSONDecoder(), 0
    while at < len(text):
        one, at = decoder.raw_decode(text, at)
        yield one
        at += len(text) - at - len(text[at:].lstrip())


# What storing adds, or takes out.
STORED = ["uid", "creationTimestamp", "generation", "managedFields", "resourceVersion"]


def stripped(answer, given):
    for key in STORED:
        answer["metadata"].pop(key, None)
    given["metadata"] = {key: value for key, value in given["metadata"].items() if key not in STORED}
    spec, status = answer.get("spec", {}), answer.get("status", {})
    for key in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"]:
        if key not in given.get("spec", {}):
            spec.pop(key, None)
    match answer["kind"]:
        case "Service":
            for port in spec.get("ports", []):
                port.pop("nodePort", None)
        case "Pod":
            # The registry sets the phase and the class of service.
            status.pop("phase"), status.pop("qosClass")
        case "Job":
            # Its selector is made up when it is stored.
            spec.pop("selector", None)
            for labels in [answer["metadata"].get("labels", {}), spec["template"]["metadata"].get("labels", {})]:
                for key in [key for key in labels if key.endswith("controller-uid") or key.endswith("job-name")]:
                    del labels[key]
        case "Secret":
            given.pop("stringData", None)
            if "stringData" in given or answer.get("type") == "kubernetes.io/basic-auth":
                answer.pop("data", None)
        case "Namespace":
            spec.pop("finalizers", None)
        case "DaemonSet":
            # The first generation of its template, as an annotation.
            del answer["metadata"]["annotations"]
        case "PersistentVolume":
            status.pop("lastPhaseTransitionTime")
    return answer, given


def main():
    work, binaries = sys.argv[1:3]
    program = sys.argv[3] if len(sys.argv) > 3 else "target/debug/examples/defaulted"
    objects = list(cases())
    for at, one in enumerate(objects):
        one["metadata"]["name"] += str(at)
    lines = "".join(json.dumps(one) + "\n" for one in objects)
    ours = subprocess.run([program], input=lines, capture_output=True, text=True, check=True).stdout.splitlines()
    differ = refused = 0
    with Cluster(os.path.abspath(work), binaries) as cluster:
        cluster.start("--disable-admission-plugins=" + PLUGINS)
        command = [cluster.kubectl, "--kubeconfig", cluster.kubeconfig, "create", "--dry-run=server", "--validate=ignore", "-o", "json", "-f", "-"]
        everything = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
        said = subprocess.run(command, input=everything, capture_output=True, text=True, timeout=300)
        answers = {(one["kind"], one["metadata"]["name"]): one for one in documents(said.stdout)}
        for given, line in zip(objects, ours, strict=True):
            answer = answers.get((given["kind"], given["metadata"]["name"]))
            if answer is None:
                refused += 1
                continue
            mine = json.loads(line)
            if mine is None:
                print("not known:", given["kind"])
                differ += 1
                continue
            theirs, mine = stripped(answer, mine)
            if theirs != mine:
                differ += 1
                print(f"differs: {json.dumps(given)}")
                difference("", theirs, mine)
    print(f"{len(objects)} objects, {refused} refused by the server, {differ} differ")
    if refused:
        print(said.stderr.strip())
    return 1 if differ or refused else 0


def difference(path, theirs, ours):
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for key in sorted(theirs.keys() | ours.keys()):
            difference(f"{path}.{key}", theirs.get(key, "-"), ours.get(key, "-"))
    elif isinstance(theirs, list) and isinstance(ours, list) and len(theirs) == len(ours):
        for at, pair in enumerate(zip(theirs, ours)):
            difference(f"{path}[{at}]", *pair)
    elif theirs != ours:
        print(f"    {path}: theirs {json.dumps(theirs)}, ours {json.dumps(ours)}")


sys.exit(main())
