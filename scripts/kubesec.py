#!/usr/bin/env python3
"""Scores manifests with `plimsoll kubesec scan` and checks every report against a second reading of the rules.

Usage: scripts/kubesec.py PLIMSOLL FOLDER [KUBESEC]        (needs PyYAML)

FOLDER holds manifests; one named `score-N-…` must score at or below nought for N = 0, at or above it otherwise. KUBESEC, or
a program of that name on the PATH, is kubesec itself: where it is there, its reports must agree as far as both know a rule.
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

import yaml

PODS = {"Pod", "Deployment", "StatefulSet", "DaemonSet"}
BINDINGS = {"RoleBinding", "ClusterRoleBinding"}


def at(value, *path):
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def items(value):
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def listed(spec, *names):
    return [container for name in names for container in items(at(spec, name))]


def everywhere(spec):
    return listed(spec, "initContainers", "containers", "ephemeralContainers")


def own(asks):
    """Some container says yes for itself."""
    return lambda _, spec: any(asks(container) for container in everywhere(spec))


def inherited(asks):
    """Some container says yes, or nothing (None) while its pod says yes."""
    def holds(_, spec):
        answers = [asks(container) for container in everywhere(spec)]
        return True in answers or (None in answers and asks(spec or {}) is True)
    return holds


def context(*path):
    return lambda holder: at(holder, "securityContext", *path)


def true_or_unset(key):
    return lambda holder: None if context(key)(holder) is None else context(key)(holder) is True


def high(key):
    return lambda holder: None if context(key)(holder) is None else context(key)(holder) > 10000


def profile(key, unconfined):
    def asks(holder):
        kind = context(key, "type")(holder)
        return None if kind is None else (kind == "Unconfined") == unconfined
    return asks


def has(letters, value, change=str):
    return any(letters in change(str(item)) for item in value) if isinstance(value, list) else False


def amount(what, resource):
    return lambda _, spec: any(resource in (at(c, "resources", what) or {}) for c in listed(spec, "containers"))


def mounts(letters):
    return lambda _, spec: any(letters in str(at(volume, "hostPath", "path") or "") for volume in listed(spec, "volumes"))


def claims(asks):
    def holds(whole, _):
        all_claims = [claim["spec"] for claim in items(at(whole, "spec", "volumeClaimTemplates")) if "spec" in claim]
        return not all_claims or any(asks(claim) for claim in all_claims)
    return holds


def secrets(_, spec):
    return any(
        any(at(one, "valueFrom", "secretKeyRef") is not None for one in items(container.get("env")))
        or any(one.get("secretRef") is not None for one in items(container.get("envFrom")))
        for container in everywhere(spec)
    )


def spec_is(key, wanted):
    return lambda _, spec: at(spec, key) is wanted


RULES = {
    "HostNetwork": (-9, PODS, spec_is("hostNetwork", True)),
    "HostPID": (-9, PODS, spec_is("hostPID", True)),
    "HostIPC": (-9, PODS, spec_is("hostIPC", True)),
    "ReadOnlyRootFilesystem": (1, PODS, own(lambda c: context("readOnlyRootFilesystem")(c) is True)),
    "RunAsNonRoot": (1, PODS, inherited(true_or_unset("runAsNonRoot"))),
    "RunAsUser": (1, PODS, inherited(high("runAsUser"))),
    "RunAsGroup": (1, PODS, inherited(high("runAsGroup"))),
    "Privileged": (-30, PODS, own(lambda c: context("privileged")(c) is True)),
    "CapSysAdmin": (-30, PODS, own(lambda c: has("SYS_ADMIN", context("capabilities", "add")(c)))),
    "CapDropAny": (1, PODS, own(lambda c: bool(context("capabilities", "drop")(c)) and None not in context("capabilities", "drop")(c))),
    "CapDropAll": (1, PODS, own(lambda c: has("ALL", context("capabilities", "drop")(c), str.upper))),
    "DockerSock": (-9, PODS, mounts("/var/run/docker.sock")),
    "ProcMount": (-9, PODS, mounts("/proc")),
    "RequestsCPU": (1, PODS, amount("requests", "cpu")),
    "LimitsCPU": (1, PODS, amount("limits", "cpu")),
    "RequestsMemory": (1, PODS, amount("requests", "memory")),
    "LimitsMemory": (1, PODS, amount("limits", "memory")),
    "ServiceAccountName": (3, PODS, lambda _, spec: at(spec, "serviceAccountName") is not None),
    "HostAliases": (-3, PODS, lambda _, spec: at(spec, "hostAliases") is not None),
    "SeccompAny": (1, PODS, inherited(profile("seccompProfile", False))),
    "SeccompUnconfined": (-1, PODS, inherited(profile("seccompProfile", True))),
    "ApparmorAny": (3, PODS, inherited(profile("appArmorProfile", False))),
    "ApparmorUnconfined": (-1, PODS, inherited(profile("appArmorProfile", True))),
    "VolumeClaimAccessModeReadWriteOnce": (1, {"StatefulSet"}, claims(lambda c: at(c, "accessModes") == ["ReadWriteOnce"])),
    "VolumeClaimRequestsStorage": (1, {"StatefulSet"}, claims(lambda c: "storage" in (at(c, "resources", "requests") or {}))),
    "AllowPrivilegeEscalation": (-7, PODS, own(lambda c: context("allowPrivilegeEscalation")(c) is True)),
    "AutomountServiceAccountToken": (1, PODS, spec_is("automountServiceAccountToken", False)),
    "HostUsers": (1, PODS, spec_is("hostUsers", False)),
    "SecretsAsEnvironmentVariables": (-5, PODS | {"ReplicaSet", "Job", "CronJob"}, secrets),
    "BindingsToSystemAnonymous": (-30, BINDINGS, lambda whole, _: any("system:anonymous" in str(s.get("name")) for s in items(whole.get("subjects")))),
}


def expected(document):
    """The three lists of a valid object, and its message."""
    kind = document.get("kind")
    spec = at(document, "spec") if kind == "Pod" else at(document, "spec", "template", "spec")
    scoring, applied = {"critical": [], "passed": [], "advise": []}, 0
    for rule, (points, kinds, holds) in RULES.items():
        if kind not in kinds:
            continue
        applied += 1
        if holds(document, spec):
            scoring["critical" if points < 0 else "passed"].append(rule)
        elif points > 0:
            scoring["advise"].append(rule)
    score = sum(RULES[rule][0] for rule in scoring["critical"] + scoring["passed"])
    word = "Passed" if score >= 0 else "Failed"
    message = f"{word} with a score of {score} points" if applied else "This resource kind is not supported by kubesec"
    return score, message, scoring


def faults_of(report, document):
    """What is wrong with one report."""
    if list(report) != ["object", "valid", "fileName", "message", "score", "scoring"]:
        yield f"its fields are {list(report)}"
    metadata = at(document, "metadata") or {}
    name = [metadata.get(key) if metadata.get(key) is not None else other for key, other in (("name", "undefined"), ("namespace", "default"))]
    kind = at(document, "kind")
    if kind is not None and report["object"] != f"{kind}/{name[0]}.{name[1]}":
        yield f"it is of {report['object']}"
    if not report["valid"]:
        if report["score"] != 0 or report["scoring"] != {} or not report["message"]:
            yield "what is not valid is scored"
        return
    score, message, scoring = expected(document)
    if (report["score"], report["message"]) != (score, message):
        yield f"it scores {report['score']} ({report['message']}), and should {score}"
    for bucket, rules in scoring.items():
        entries = report["scoring"].get(bucket, [])
        if sorted(entry["id"] for entry in entries) != sorted(rules):
            yield f"{bucket} is {[entry['id'] for entry in entries]}, and should be {rules}"
        for entry in entries:
            if list(entry) != ["id", "selector", "reason", "points"] or entry["points"] != RULES[entry["id"]][0]:
                yield f"the entry {entry} is of another form"
        keys = [(-abs(entry["points"]), entry["selector"]) for entry in entries]
        if keys != sorted(keys):
            yield f"{bucket} is out of order"


def compare(kubesec, path, reports, schema, comparable):
    """What kubesec itself says otherwise, of the rules that both know in the same words."""
    real = subprocess.run([kubesec, "scan", "--schema-location", schema, path], capture_output=True, text=True, timeout=60)
    try:
        theirs = json.loads(real.stdout)
    except ValueError:
        if reports is not None:
            yield f"kubesec has no report: {real.stdout.strip()[:200]}"
        return
    if reports is None or len(theirs) != len(reports):
        yield f"kubesec has {len(theirs)} reports"
        return
    for mine, their in zip(reports, theirs):
        if mine["object"] != their["object"]:
            yield f"kubesec calls it {their['object']}"
        if not (mine["valid"] and their["valid"]):
            continue
        for bucket in ("critical", "passed", "advise"):
            known = [[e["id"] for e in r["scoring"].get(bucket, []) if e["id"] in comparable] for r in (mine, their)]
            if known[0] != known[1]:
                yield f"{bucket} is {known[0]}, and kubesec's {known[1]}"


def rules_of(program, *words):
    out = subprocess.run([program, *words, "print-rules", "-f", "json"], capture_output=True, text=True, timeout=60)
    return {rule["id"]: (rule["selector"], rule["points"], rule["kinds"]) for rule in json.loads(out.stdout)}


def documents_of(path):
    """What stands in a file; nothing where it cannot be read."""
    try:
        with open(path) as file:
            text = file.read()
        try:
            return [json.loads(text)]
        except ValueError:
            return [document for document in yaml.safe_load_all(text) if document is not None]
    except (yaml.YAMLError, UnicodeDecodeError):
        return []


def main():
    plimsoll, folder = sys.argv[1:3]
    kubesec = sys.argv[3] if len(sys.argv) > 3 else shutil.which("kubesec")
    ours = rules_of(plimsoll, "kubesec")
    points = {rule: own[1] for rule, own in ours.items()}
    wrong = [] if points == {rule: entry[0] for rule, entry in RULES.items()} else [("print-rules", "points differ")]
    seen = compared = 0
    with tempfile.TemporaryDirectory() as work:
        schema = os.path.join(work, "any.json")
        with open(schema, "w") as file:
            file.write("{}")
        theirs = rules_of(kubesec) if kubesec else {}
        comparable = {rule for rule in ours if theirs.get(rule) == ours[rule]}
        for name in sorted(os.listdir(folder)):
            path = os.path.join(folder, name)
            run = subprocess.run([plimsoll, "kubesec", "scan", path], capture_output=True, text=True, timeout=60)
            seen += 1
            say = lambda what: wrong.append((name, what))
            documents = documents_of(path)
            reports = None
            if not documents:
                if run.returncode != 1:
                    say(f"nothing can be read of it, and the status is {run.returncode}")
            else:
                try:
                    reports = json.loads(run.stdout)
                except ValueError:
                    say(f"no report: {run.stdout.strip()[:200]} {run.stderr.strip()[:200]}")
                    continue
                if len(reports) != len(documents):
                    say(f"{len(reports)} reports of {len(documents)} documents")
                status = 0 if all(report["score"] > 0 for report in reports) else 2
                if run.returncode != status:
                    say(f"the status is {run.returncode}, and should be {status}")
                for report, document in zip(reports, documents):
                    for fault in faults_of(report, document):
                        say(fault)
                sign = re.match(r"score-(\d+)-", name)
                if sign:
                    score = reports[0]["score"]
                    if not reports[0]["valid"] or (score > 0 if sign[1] == "0" else score < 0):
                        say(f"a score of {score} is of another sign than its name: {reports[0]['message']}")
            if kubesec:
                compared += 1
                for fault in compare(kubesec, path, reports, schema, comparable):
                    say(fault)
    for name, what in wrong:
        print(f"{name}: {what}")
    beside = f", {compared} beside kubesec itself ({len(comparable)} rules)" if kubesec else ", kubesec itself is not there"
    print(f"say: kubesec: {seen} files scored, {len({name for name, _ in wrong})} wrong{beside}")
    return 1 if wrong or seen == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
