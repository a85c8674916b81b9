#!/usr/bin/env python3
"""Holds `plimsoll gator` against the real gator: the same manifests and policies must give the same verdict, messages and exit
code. Usage: scripts/peers/gator.py PLIMSOLL GATOR [FILTER]

The cases are made here, from a few templates that each look at something else, and constraints, objects and faults around
them. "same": standard output and status; "status": the status, and the first line of standard error; "words": the status, and
the words of the real one's standard error begin ours, line by line; places and ways out may follow. "data": JSON and YAML.
"figures": the same text, but for times and rates. "stats": JSON, but for times. "shape": the status, and the first line of standard
error. Needs PyYAML.
"""
import difflib
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

TARGET = "admission.k8s.gatekeeper.sh"


def template(kind, rego, schema=None, libs=(), version="v1", legacy=None, code=None, target=TARGET, name=None):
    spec = {"names": {"kind": kind}}
    if schema is not None or legacy is not None:
        spec["validation"] = {}
        if schema is not None:
            spec["validation"]["openAPIV3Schema"] = schema
        if legacy is not None:
            spec["validation"]["legacySchema"] = legacy
    body = {"target": target}
    if code is not None:
        body["code"] = code
    else:
        body["rego"] = rego
        if libs:
            body["libs"] = list(libs)
    return {
        "apiVersion": f"templates.gatekeeper.sh/{version}",
        "kind": "ConstraintTemplate",
        "metadata": {"name": name or kind.lower()},
        "spec": {"crd": {"spec": spec}, "targets": [body]},
    }


def constraint(kind, name="c", match=None, parameters=None, action=None, version="v1beta1", **more):
    spec = dict(more)
    if match is not None:
        spec["match"] = match
    if parameters is not None:
        spec["parameters"] = parameters
    if action is not None:
        spec["enforcementAction"] = action
    return {
        "apiVersion": f"constraints.gatekeeper.sh/{version}",
        "kind": kind,
        "metadata": {"name": name},
        "spec": spec,
    }


def pod(name="web", namespace="shop", labels=None, images=("nginx:1",), **spec):
    metadata = {"name": name}
    if namespace:
        metadata["namespace"] = namespace
    if labels:
        metadata["labels"] = labels
    containers = [{"name": f"c{at}", "image": image} for at, image in enumerate(images)]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": containers, **spec}}


def namespace(name, **labels):
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def deployment(name="app", namespace="shop", **spec):
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "replicas": 2,
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": "c0", "image": "nginx"}], **spec},
            },
        },
    }


ROLE = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "all"}, "rules": []}
STRINGS = {"type": "array", "items": {"type": "string"}}
REPOS_SCHEMA = {"type": "object", "properties": {"repos": STRINGS}}
REPOS = """package repos

violation[{"msg": msg}] {
  container := input.review.object.spec.containers[_]
  satisfied := [good | repo = input.parameters.repos[_]; good = startswith(container.image, repo)]
  not any(satisfied)
  msg := sprintf("container <%v> has an invalid image <%v>, allowed are %v", [container.name, container.image, input.parameters.repos])
}
"""
ALWAYS = 'package a\nviolation[{"msg": "never & <ever>", "details": {"kind": k}}] { k := input.review.kind.kind }\n'
LABELS = """package labels

import data.lib.helpers

violation[{"msg": msg, "details": {"missing_labels": missing}}] {
  missing := helpers.missing(input.review.object, input.parameters.labels)
  count(missing) > 0
  msg := sprintf("you must provide labels: %v", [missing])
}
"""
HELPERS = """package lib.helpers

missing(object, wanted) = gone {
  provided := {label | object.metadata.labels[label]}
  required := {label | label := wanted[_]}
  gone := required - provided
}
"""
UNIQUE = """package unique

violation[{"msg": msg}] {
  other := data.inventory.namespace[ns][version]["Pod"][name]
  not same(name, ns)
  other.spec.hostname == input.review.object.spec.hostname
  msg := sprintf("hostname is taken by %v/%v", [ns, name])
}

same(name, ns) {
  input.review.object.metadata.name == name
  input.review.object.metadata.namespace == ns
}
"""
V1 = """package v1ish

violation contains {"msg": msg} if {
  some container in input.review.object.spec.containers
  not endswith(container.image, "@sha256:0")
  msg := $"no digest: {container.image}"
}
"""


def always(**more):
    return [template("Always", ALWAYS), constraint("Always", **more)]


def repos(**more):
    given = {"repos": ["good.io/"]} if "parameters" not in more else more.pop("parameters")
    return [template("Repos", REPOS, REPOS_SCHEMA), constraint("Repos", parameters=given, **more)]


def code(engine="Rego", **source):
    return [{"engine": engine, "source": source}]


def schema_case(schema, value, **more):
    return [
        template("Always", ALWAYS, {"type": "object", "properties": {"x": schema}}, **more),
        constraint("Always", parameters={"x": value}),
        pod(),
    ]


def expansion(name="expand", action=None, kinds=("Deployment",), generated=None, source="spec.template"):
    spec = {
        "applyTo": [{"groups": ["apps"], "kinds": list(kinds), "versions": ["v1"]}],
        "templateSource": source,
        "generatedGVK": generated or {"kind": "Pod", "group": "", "version": "v1"},
    }
    if action:
        spec["enforcementAction"] = action
    return {
        "apiVersion": "expansion.gatekeeper.sh/v1alpha1",
        "kind": "ExpansionTemplate",
        "metadata": {"name": name},
        "spec": spec,
    }


def mutator(kind, location, parameters, name="m", match=None, apply=True, kinds=("Pod",), groups=("",)):
    spec = {"location": location, "parameters": parameters}
    if match is not None:
        spec["match"] = match
    if kind != "AssignMetadata" and apply:
        spec["applyTo"] = [{"groups": list(groups), "kinds": list(kinds), "versions": ["v1"]}]
    return {
        "apiVersion": "mutations.gatekeeper.sh/v1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": spec,
    }


def assign(location, value, **more):
    return mutator("Assign", location, {"assign": {"value": value}}, **more)


def match_cases():
    objects = [pod(), pod("db-1", "prod", {"app": "db", "tier": "back"}), pod("lone", None), namespace("prod", env="prod"), ROLE,
               deployment()]
    matches = [
        {},
        None,
        {"kinds": [{"apiGroups": [""], "kinds": ["Pod"]}]},
        {"kinds": [{"apiGroups": ["*"], "kinds": ["*"]}]},
        {"kinds": [{"apiGroups": ["apps"]}]},
        {"kinds": [{"kinds": ["Namespace"]}, {"apiGroups": ["rbac.authorization.k8s.io"], "kinds": ["ClusterRole"]}]},
        {"namespaces": ["prod"]},
        {"namespaces": ["pr*", "*op"]},
        {"excludedNamespaces": ["prod"]},
        {"excludedNamespaces": ["*o*"]},
        {"scope": "Cluster"},
        {"scope": "Namespaced"},
        {"scope": "*"},
        {"labelSelector": {"matchLabels": {"app": "db"}}},
        {"labelSelector": {"matchExpressions": [{"key": "tier", "operator": "In", "values": ["back", "front"]}]}},
        {"labelSelector": {"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["back"]}]}},
        {"labelSelector": {"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}},
        {"namespaceSelector": {"matchLabels": {"env": "prod"}}},
        {"namespaceSelector": {"matchExpressions": [{"key": "env", "operator": "Exists"}]}},
        {"name": "db-*"},
        {"name": "*e*"},
        {"source": "Original"},
        {"source": "Generated"},
        {"source": "All"},
    ]
    for at, match in enumerate(matches):
        documents = [template("Always", ALWAYS), constraint("Always", match=match)]
        yield f"match {at}: {json.dumps(match)}", "same", documents + objects + [namespace("shop")]


def cases():
    """(name, how, documents) for `gator test`."""
    yield from match_cases()
    yield "allowed", "same", repos() + [pod(images=["good.io/a:1"])]
    yield "denied", "same", repos() + [pod(images=["bad.io/a:1", "good.io/b", "worse.io/c"])]
    yield "repos of none", "same", repos(parameters={}) + [pod()]
    for action in ["deny", "warn", "dryrun", "other"]:
        yield f"action {action}", "same", repos(action=action) + [pod()]
    for point in ["gator.gatekeeper.sh", "*", "audit.gatekeeper.sh"]:
        scoped = [{"action": "deny", "enforcementPoints": [{"name": point}]}, {"action": "warn", "enforcementPoints": [{"name": "audit.gatekeeper.sh"}]}]
        yield f"scoped at {point}", "same", repos(action="scoped", scopedEnforcementActions=scoped) + [pod()]
    yield "scoped without actions", "words", repos(action="scoped") + [pod()]
    labels = template("Labels", LABELS, {"type": "object", "properties": {"labels": STRINGS}}, libs=[HELPERS])
    yield "libraries", "same", [labels, constraint("Labels", parameters={"labels": ["a", "b"]}), pod(labels={"a": "1"})]
    for source in [
        {"rego": LABELS, "libs": [HELPERS]},
        {"rego": V1, "version": "v1"},
        {"rego": REPOS, "version": "v0"},
        {"rego": REPOS, "version": "v7"},
    ]:
        made = template("Coded", "", {"type": "object", "x-kubernetes-preserve-unknown-fields": True}, code=code(**source))
        given = {"labels": ["x"], "repos": ["y"]}
        yield f"code block {source.get('version')} {len(source)}", "same", [made, constraint("Coded", parameters=given), pod()]
    yield "v1 without its version", "words", [template("Coded", "", code=code(rego=V1)), pod()]
    yield "v0 as v1", "words", [template("Coded", "", code=code(rego=REPOS, version="v1")), pod()]
    yield "no engine", "status", [template("Coded", "", code=code("Other", rego=V1)), pod()]
    unique = [template("Unique", UNIQUE), constraint("Unique")]
    yield "inventory", "same", unique + [pod("a", hostname="x"), pod("b", hostname="x"), pod("c", hostname="y"), pod("a", "other", hostname="x")]
    yield "several constraints", "same", repos() + [constraint("Repos", "d", parameters={"repos": ["nginx"]}), constraint("Repos", "b", parameters={"repos": []}), pod(), pod("x", None)]
    yield "several templates", "same", repos() + always() + [labels, constraint("Labels", parameters={"labels": ["q"]}, action="warn"), pod(), ROLE]
    yield "nothing but objects", "same", [pod(), ROLE]
    yield "nothing but a template", "same", [template("Always", ALWAYS)]
    yield "violations of templates and constraints themselves", "same", always()
    yield "v1beta1", "same", [template("Always", ALWAYS, version="v1beta1"), constraint("Always", parameters={"any": [1]}), pod()]
    yield "v1alpha1", "same", [template("Always", ALWAYS, version="v1alpha1"), constraint("Always", version="v1alpha1"), pod()]
    yield "no message", "status", [template("Always", 'package a\nviolation[{"details": {}}] { true }\n'), constraint("Always"), pod()]
    yield "message that is no text", "status", [template("Always", 'package a\nviolation[{"msg": 1}] { true }\n'), constraint("Always"), pod()]
    yield "violation that is no object", "status", [template("Always", 'package a\nviolation["x"] { true }\n'), constraint("Always"), pod()]
    yield "violation that is complete", "same", [template("Always", 'package a\nviolation = {{"msg": "a"}} { true }\n'), constraint("Always"), pod()]
    # The OPA in Gatekeeper is of another version: the words of some errors are others.
    yield "conflict", "status", [template("Always", 'package a\nviolation[{"msg": "a"}] { p == 1 }\np = 1 { true }\np = 2 { true }\n'), constraint("Always"), pod()]
    yield "builtin error", "same", [template("Always", 'package a\nviolation[{"msg": "a"}] { x := 1 / 0 }\n'), constraint("Always"), pod()]
    yield "what input.review holds", "same", [template("Always", 'package a\nviolation[{"msg": m}] { m := sprintf("%v", [input]) }\n'), constraint("Always"), pod(), ROLE]
    yield "inventory whole", "same", [template("Always", 'package a\nviolation[{"msg": m}] { m := sprintf("%v", [data.inventory.cluster["v1"]]) }\n'), constraint("Always"), namespace("x")]
    # Templates that are refused.
    refused = {
        "unsafe": 'package a\nviolation[{"msg": "a"}] { not startswith(input.x, input.parameters.repos[_]) }\n',
        "syntax": "package a\nviolation[{ {",
        "no package": 'violation[{"msg": "a"}] { true }\n',
        "empty": "package a\n",
        "no violation": 'package a\ndeny[{"msg": "a"}] { true }\n',
        "unknown function": 'package a\nviolation[{"msg": "a"}] { nothing(1) }\n',
        "external data": 'package a\nviolation[{"msg": "a"}] { external_data({"provider": "x", "keys": []}) }\n',
        # One rule: of two the real one says now this first, now that.
        "recursion": 'package a\nviolation[{"msg": "a"}] { p }\np { p }\n',
        "type error": 'package a\nviolation[{"msg": "a"}] { count(1) == 1 }\n',
        "import of input": 'package a\nimport input.review\nviolation[{"msg": "a"}] { true }\n',
        "import of elsewhere": 'package a\nimport data.x\nviolation[{"msg": "a"}] { true }\n',
        "data elsewhere": 'package a\nviolation[{"msg": "a"}] { data.other.x }\n',
        "own package": 'package a\nviolation[{"msg": "a"}] { data.a.p }\np { true }\n',
        "rego.v1": 'package a\nimport rego.v1\nviolation contains {"msg": "a"} if { true }\n',
    }
    for name, rego in refused.items():
        yield f"refused: {name}", "status" if name == "type error" else "words", [template("Always", rego), constraint("Always"), pod()]
    accepted = {
        "future keywords": 'package a\nimport future.keywords\nviolation contains {"msg": "a"} if { 1 in [1] }\n',
        "data whole": 'package a\nviolation[{"msg": "a"}] { data.inventory }\n',
    }
    for name, rego in accepted.items():
        yield f"accepted: {name}", "same", [template("Always", rego), constraint("Always"), pod()]
    for name, lib in {
        "lib elsewhere": "package helpers\nx = 1 { true }\n",
        "lib itself": "package lib\nx = 1 { true }\n",
        "lib syntax": "package lib.x\nx = {",
        "lib data": "package lib.x\nx = 1 { data.foo }\n",
    }.items():
        yield f"refused: {name}", "words", [template("Always", ALWAYS, libs=[lib]), constraint("Always"), pod()]
    qualified = 'package a\nviolation[{"msg": "a"}] { data.lib.x.f(1) }\n'
    lib = "package lib.x\nf(a) { a == 1 }\nv = 3 { true }\n"
    yield "library by its whole name", "same", [template("Always", qualified, libs=[lib]), constraint("Always"), pod()]
    nested = 'package a\nviolation[{"msg": m}] { y := data.lib.x.f(1); m := "a" }\n'
    yield "library by its whole name, nested", "words", [template("Always", nested, libs=[lib]), constraint("Always"), pod()]
    value = 'package a\nviolation[{"msg": m}] { y := data.lib.x.v; m := sprintf("%v", [y]) }\n'
    yield "library's value", "same", [template("Always", value, libs=[lib]), constraint("Always"), pod()]
    inside = 'package a\nviolation[{"msg": m}] { m := sprintf("%v", [[z | z := [data.lib.x.v][_]]]) }\n'
    yield "library's value, nested", "same", [template("Always", inside, libs=[lib]), constraint("Always"), pod()]
    for name, made in {
        "other target": template("Always", ALWAYS, target="other"),
        "no target": template("Always", ALWAYS, target=""),
        "other name": template("Always", ALWAYS, name="other"),
        "no kind": template("", ALWAYS, name="x"),
        "two targets": {**template("Always", ALWAYS), "spec": {"crd": {"spec": {"names": {"kind": "Always"}}}, "targets": [{"target": TARGET, "rego": ALWAYS}] * 2}},
        "no targets": {**template("Always", ALWAYS), "spec": {"crd": {"spec": {"names": {"kind": "Always"}}}}},
        "schema without type": template("Always", ALWAYS, {"properties": {"a": {}}}),
        "schema of a list without items": template("Always", ALWAYS, {"type": "object", "properties": {"a": {"type": "array"}}}),
    }.items():
        yield f"refused template: {name}", "words", [made, pod()]
    # Constraints that are refused.
    for name, made in {
        "no template": constraint("Nothing"),
        "other version": constraint("Repos", version="v1"),
        "no name": constraint("Repos", name=""),
        "bad name": constraint("Repos", name="Bad_Name"),
        "other case": constraint("repos"),
        "unknown parameter": constraint("Repos", parameters={"repo": []}),
        "unknown field": constraint("Repos", else_where=1),
        "unknown match": constraint("Repos", match={"kind": []}),
        "parameter of another type": constraint("Repos", parameters={"repos": "x"}),
        "inner parameter of another type": constraint("Repos", parameters={"repos": ["a", 1]}),
        "bad selector": constraint("Repos", match={"labelSelector": {"matchExpressions": [{"key": "a", "operator": "Is"}]}}),
        "selector without values": constraint("Repos", match={"labelSelector": {"matchExpressions": [{"key": "a", "operator": "In"}]}}),
        "bad source": constraint("Repos", match={"source": "Elsewhere"}),
        "bad glob": constraint("Repos", match={"namespaces": ["a*b"]}),
    }.items():
        yield f"refused constraint: {name}", "words", [template("Repos", REPOS, REPOS_SCHEMA), made, pod()]
    for name, (schema, given) in {
        "minimum": ({"type": "integer", "minimum": 3}, 2),
        "maximum": ({"type": "integer", "maximum": 3}, 4),
        "exclusive": ({"type": "number", "minimum": 3, "exclusiveMinimum": True}, 3),
        "pattern": ({"type": "string", "pattern": "^a+$"}, "b"),
        "enum": ({"type": "string", "enum": ["a", "b"]}, "c"),
        "length": ({"type": "string", "minLength": 2}, "c"),
        "too long": ({"type": "string", "maxLength": 1}, "cc"),
        "few items": ({"type": "array", "minItems": 2, "items": {"type": "string"}}, ["a"]),
        "many items": ({"type": "array", "maxItems": 0, "items": {"type": "string"}}, ["a"]),
        "required": ({"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}}}, {}),
        "additional": ({"type": "object", "additionalProperties": {"type": "integer"}}, {"q": "x"}),
        "multiple": ({"type": "integer", "multipleOf": 2}, 3),
        "null": ({"type": "string"}, None),
        "bool": ({"type": "string"}, True),
        "float for integer": ({"type": "integer"}, 1.5),
        "int or string": ({"x-kubernetes-int-or-string": True}, [1]),
        "any of": ({"type": "integer", "anyOf": [{"minimum": 5}, {"maximum": 1}]}, 3),
        "one of": ({"type": "integer", "oneOf": [{"minimum": 1}, {"maximum": 9}]}, 3),
        "not": ({"type": "integer", "not": {"minimum": 1}}, 3),
    }.items():
        yield f"schema: {name}", "words", schema_case(schema, given)
    for name, (schema, given) in {
        "nullable": ({"type": "string", "nullable": True}, None),
        "integer for number": ({"type": "number"}, 3),
        "nested": ({"type": "object", "properties": {"a": {"type": "array", "items": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}}}, {"a": [{"b": 1}]}),
    }.items():
        yield f"schema fits: {name}", "same", schema_case(schema, given)
    shown = 'package a\nviolation[{"msg": m}] { m := sprintf("%v", [input.parameters]) }\n'
    defaults = {"type": "object", "properties": {"a": {"type": "string", "default": "x"}, "b": {"type": "object", "default": {}, "properties": {"c": {"type": "integer", "default": 3}}}}}
    for given in [None, {}, {"a": "y"}, {"b": {"c": 4}}]:
        yield f"defaults over {given}", "same", [template("Always", shown, defaults), constraint("Always", parameters=given), pod()]
    yield "legacy items", "same", [template("Always", shown, {"properties": {"a": {"type": "array", "items": "string"}}}, version="v1beta1"), constraint("Always", parameters={"a": [1, "b"]}), pod()]
    yield "legacy said", "same", [template("Always", shown, {"properties": {"a": {}}}, legacy=True), constraint("Always", parameters={"z": 1}), pod()]
    # The other engine.
    cel = lambda **source: [template("Native", "", {"type": "object", "properties": {"most": {"type": "integer"}, "names": STRINGS}}, code=code("K8sNativeValidation", **source)),
                            constraint("Native", match={"kinds": [{"apiGroups": [""], "kinds": ["Pod"]}]}, parameters={"most": 1, "names": ["web"]})]
    few = {"expression": "size(variables.anyObject.spec.containers) <= variables.params.most"}
    two = pod("two", images=["a", "b"])
    yield "CEL", "same", cel(validations=[{**few, "message": "too many"}]) + [pod(), two]
    yield "CEL without a message", "same", cel(validations=[few]) + [pod(), two]
    yield "CEL's message expression", "same", cel(validations=[{**few, "messageExpression": '"has " + string(size(variables.anyObject.spec.containers))'}]) + [pod(), two]
    yield "CEL, several", "same", cel(validations=[{**few, "message": "a"}, {"expression": "variables.anyObject.metadata.name in variables.params.names", "message": "b"}]) + [pod(), two]
    yield "CEL's variables", "same", cel(variables=[{"name": "all", "expression": "variables.anyObject.spec.containers.map(c, c.image)"}], validations=[{"expression": "variables.all.all(i, i.contains(':'))", "message": "no tag"}]) + [pod(), two]
    yield "CEL's condition", "same", cel(matchCondition=[{"name": "only", "expression": 'object.metadata.name == "two"'}], validations=[{"expression": "false", "message": "x"}]) + [pod(), two]
    yield "CEL that errs", "same", cel(validations=[{"expression": "object.spec.nothing == 1", "message": "x"}]) + [pod()]
    yield "CEL that errs and is ignored", "same", cel(failurePolicy="Ignore", validations=[{"expression": "object.spec.nothing == 1", "message": "x"}]) + [pod()]
    yield "CEL's bad policy", "words", cel(failurePolicy="Maybe", validations=[few]) + [pod()]
    yield "CEL's bad variable", "words", cel(variables=[{"name": "params", "expression": "1"}], validations=[few]) + [pod()]
    yield "CEL's reserved name", "words", cel(matchCondition=[{"name": "gatekeeper_internal_x", "expression": "true"}], validations=[few]) + [pod()]
    both = template("Native", "", code=[{"engine": "Rego", "source": {"rego": ALWAYS}}, {"engine": "K8sNativeValidation", "source": {"validations": [{"expression": "false", "message": "by CEL"}]}}])
    yield "both engines", "same", [both, constraint("Native"), pod()]
    # Expansion and mutation.
    bad = repos(match={"kinds": [{"apiGroups": [""], "kinds": ["Pod"]}]})
    yield "expanded", "same", bad + [expansion(), deployment(), namespace("shop")]
    yield "expanded with an action", "same", bad + [expansion(action="warn"), deployment(), namespace("shop")]
    yield "expanded and mutated", "same", bad + [expansion(), deployment(), namespace("shop"), assign("spec.containers[name: *].image", "good.io/x")]
    yield "generated alone", "same", always(match={"source": "Generated"}) + [expansion(), deployment(), namespace("shop")]
    yield "mutated original", "same", always() + [pod(), assign("spec.hostname", "h")]


def expands():
    """(name, how, documents) for `gator expand`."""
    pair = [deployment(), namespace("shop", env="x")]
    yield "expansion", "same", [expansion()] + pair
    yield "no expansion", "same", pair
    yield "of the default namespace", "same", [expansion(), deployment(namespace="default")]
    yield "of an unknown namespace", "same", [expansion(), deployment()]
    yield "two expansions", "same", [expansion(), expansion("other", generated={"kind": "Other", "group": "x.io", "version": "v2"})] + pair
    yield "in two steps", "same", [
        expansion(generated={"kind": "ReplicaSet", "group": "apps", "version": "v1"}, source="spec"),
        expansion("second", kinds=["ReplicaSet"], source="template"),
    ] + pair
    yield "no source", "words", [expansion(source="spec.nothing")] + pair
    yield "source that is no object", "status", [expansion(source="spec.replicas")] + pair
    yield "of itself", "words", [expansion(generated={"kind": "Deployment", "group": "apps", "version": "v1"})] + pair
    yield "without a kind", "words", [{**expansion(), "spec": {"templateSource": "x"}}] + pair
    yield "in a circle", "words", [
        expansion("a", generated={"kind": "A", "group": "apps", "version": "v1"}),
        expansion("b", kinds=["A"], generated={"kind": "Deployment", "group": "apps", "version": "v1"}),
    ] + pair
    mutations = {
        "assign": [assign("spec.hostname", "h")],
        "assign an object": [assign("spec.securityContext", {"runAsNonRoot": True, "n": 1})],
        "assign in lists": [assign("spec.containers[name: c0].image", "x")],
        "assign in all": [assign("spec.containers[name: *].imagePullPolicy", "Always")],
        "assign a list element": [assign("spec.containers[name: side]", {"name": "side", "image": "s"})],
        "replace a list element": [assign("spec.containers[name: c0]", {"name": "c0", "image": "s"})],
        "assign to a missing element": [assign("spec.volumes[name: v].emptyDir.medium", "Memory")],
        "metadata": [mutator("AssignMetadata", "metadata.labels.owner", {"assign": {"value": "me"}})],
        "metadata that is there": [mutator("AssignMetadata", "metadata.labels.app", {"assign": {"value": "me"}})],
        "quoted": [mutator("AssignMetadata", 'metadata.annotations."a.b/c"', {"assign": {"value": "me"}})],
        "from metadata": [mutator("Assign", "spec.hostname", {"assign": {"fromMetadata": {"field": "name"}}})],
        "merge": [mutator("ModifySet", "spec.containers[name: c0].args", {"operation": "merge", "values": {"fromList": ["a", "b"]}})],
        "merge twice": [
            mutator("ModifySet", "spec.containers[name: *].args", {"operation": "merge", "values": {"fromList": ["a"]}}, name="x"),
            mutator("ModifySet", "spec.containers[name: *].args", {"operation": "merge", "values": {"fromList": ["b", "a"]}}, name="y"),
        ],
        "prune": [
            mutator("ModifySet", "spec.containers[name: *].args", {"operation": "merge", "values": {"fromList": ["a", "b"]}}, name="x"),
            assign("spec.hostname", "h", name="h"),
        ],
        "image": [mutator("AssignImage", "spec.containers[name: *].image", {"assignDomain": "a.io", "assignTag": ":2"})],
        "image path": [mutator("AssignImage", "spec.containers[name: *].image", {"assignDomain": "localhost:5000", "assignPath": "p/q", "assignTag": "@sha256:" + "a" * 64})],
        "must exist": [mutator("Assign", "spec.dnsConfig.x", {"assign": {"value": 1}, "pathTests": [{"subPath": "spec.dnsConfig", "condition": "MustExist"}]})],
        "must not exist": [mutator("Assign", "spec.dnsConfig.x", {"assign": {"value": 1}, "pathTests": [{"subPath": "spec.dnsConfig", "condition": "MustNotExist"}]})],
        "other kind": [assign("spec.hostname", "h", kinds=["Service"])],
        "of the base": [assign("spec.template.spec.hostname", "h", kinds=["Deployment"], groups=["apps"])],
        "other namespace": [assign("spec.hostname", "h", match={"namespaces": ["other"]})],
        "by namespace's labels": [assign("spec.hostname", "h", match={"namespaceSelector": {"matchLabels": {"env": "x"}}})],
        "generated": [assign("spec.hostname", "h", match={"source": "Generated"})],
    }
    for name, made in mutations.items():
        yield f"mutation: {name}", "same", [expansion()] + pair + made
    wrong = {
        "no location": [assign("", "h")],
        "bad location": [assign("spec..a", "h")],
        "metadata by assign": [assign("metadata.labels.a", "h")],
        "no applyTo": [assign("spec.a", "h", apply=False)],
        "no value": [mutator("Assign", "spec.a", {"assign": {}})],
        "key changed": [assign("spec.containers[name: c0].name", "h")],
        "list of lists": [assign("spec.a[b: c]", "text")],
        "other key": [assign("spec.a[b: c]", {"b": "d"})],
        "metadata elsewhere": [mutator("AssignMetadata", "spec.a", {"assign": {"value": "x"}})],
        "metadata of a number": [mutator("AssignMetadata", "metadata.labels.a", {"assign": {"value": 1}})],
        "set of a list": [mutator("ModifySet", "spec.a[b: c]", {"operation": "merge", "values": {"fromList": []}})],
        "image without parts": [mutator("AssignImage", "spec.image", {})],
        "bad domain": [mutator("AssignImage", "spec.image", {"assignDomain": "x"})],
        "bad tag": [mutator("AssignImage", "spec.image", {"assignTag": "latest"})],
        "path like a domain": [mutator("AssignImage", "spec.image", {"assignPath": "a.io/x"})],
        "path test elsewhere": [mutator("Assign", "spec.a.b", {"assign": {"value": 1}, "pathTests": [{"subPath": "spec.c", "condition": "MustExist"}]})],
        "conflict": [assign("spec.a.b", "h", name="x"), assign("spec.a[k: v].b", "h", name="y")],
    }
    for name, made in wrong.items():
        yield f"refused mutation: {name}", "words", [expansion()] + pair + made
    yield "mutation of another shape", "status", [expansion()] + pair + [assign("spec.containers.name", "h")]


def run(program, line, folder):
    done = subprocess.run([*program, *line], cwd=folder, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout, done.stderr


def plain(text):
    text = re.sub(r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d ", "", text)
    text = re.sub(r'scheme ".*?"', "scheme", text)
    text = re.sub(r"\t?\(\d+\.\d+s\)", "", text)
    return re.sub(r"\t\d+\.\d+s", "", text)


def words_begin(real, ours):
    """Ours says what the real one does, in its order; it may say more below."""
    real, ours = plain(real).strip().split("\n"), plain(ours).strip().split("\n")
    have = iter(ours)
    return all(any(line.strip() == other.strip() for other in have) for line in real)


def figures(text):
    """Without times, rates, and what they decide: how wide a column is, and what is faster."""
    text = re.sub(r"\d+(\.\d+)?(e[+-]?\d+)?(ns|µs|ms|s)\b", "TIME", text)
    text = re.sub(r"(reviewsPerSecond\"?: |Throughput:? +)[0-9.e+]+", r"\1RATE", text)
    return re.sub(r" +", " ", text)


def timeless(text):
    """Results and statistics in any order, without times, which are some time."""
    data = json.loads(text)
    for stats in data.get("stats") or []:
        for one in stats["stats"]:
            if one["name"].endswith("NS"):
                assert isinstance(one["value"], int) and one["value"] >= 0, one
                one["value"] = "TIME"
    return {name: sorted(json.dumps(one, sort_keys=True) for one in value or []) for name, value in data.items()}


def listed(text):
    data = yaml.safe_load(text)
    return sorted(json.dumps(one, sort_keys=True) for one in data) if isinstance(data, list) else data


def agree(how, real, ours):
    if real[0] != ours[0]:
        return False
    if how == "same":
        # Of equal messages the real one's order is any.
        return sorted(real[1].split("\n")) == sorted(ours[1].split("\n"))
    if how == "data":
        # In YAML it writes all results but the first on one line.
        return listed(real[1]) == listed(ours[1])
    if how == "stats":
        return timeless(real[1]) == timeless(ours[1])
    if how == "words":
        return words_begin(real[2], ours[2])
    if how == "figures":
        return figures(real[1]) == figures(ours[1]) and words_begin(real[2], ours[2])
    return True


SUITE = {
    "kind": "Suite",
    "apiVersion": "test.gatekeeper.sh/v1alpha1",
    "tests": [
        {
            "name": "repos",
            "template": "template.json.yaml",
            "constraint": "constraint.yaml",
            "cases": [
                {"name": "good", "object": "good.yaml", "assertions": [{"violations": "no"}]},
                {"name": "bad", "object": "bad.yaml", "assertions": [{"violations": 1, "message": "invalid image"}]},
                {"name": "bad without a word", "object": "bad.yaml", "assertions": [{}]},
                {"name": "wrong count", "object": "bad.yaml", "assertions": [{"violations": 2}]},
                {"name": "wrong message", "object": "bad.yaml", "assertions": [{"message": "nothing"}]},
                {"name": "none expected", "object": "bad.yaml", "assertions": [{"violations": "no"}]},
                {"name": "some expected", "object": "good.yaml", "assertions": [{"violations": "yes"}]},
                {"name": "skipped", "skip": True, "object": "bad.yaml", "assertions": [{"violations": "no"}]},
                {"name": "no object", "assertions": [{"violations": "no"}]},
                {"name": "no assertion", "object": "bad.yaml"},
                {"name": "no file", "object": "missing.yaml", "assertions": [{"violations": "no"}]},
                {"name": "review", "object": "review.yaml", "assertions": [{"violations": 1}]},
                {"name": "bad word", "object": "bad.yaml", "assertions": [{"violations": "maybe"}]},
            ],
        },
        {"name": "skipped", "skip": True, "template": "template.json.yaml", "constraint": "constraint.yaml"},
        {"name": "invalid", "invalid": True, "template": "template.json.yaml", "constraint": "invalid.yaml"},
        {"name": "not invalid", "invalid": True, "template": "template.json.yaml", "constraint": "constraint.yaml"},
        {"name": "no constraint", "template": "template.json.yaml"},
        {"name": "no template", "constraint": "constraint.yaml"},
        {"name": "no such template", "template": "constraint.yaml", "constraint": "constraint.yaml"},
        {"name": "no such constraint", "template": "template.json.yaml", "constraint": "good.yaml"},
    ],
}
VERIFIES = ["suite.yaml", "suite.yaml -v", "../suite", "../suite/...", "suite.yaml --run repos//bad", "suite.yaml --run good", "suite.yaml -r //^bad$ -v",
            "suite.yaml -r a//b//c", "suite.yaml -r (", "missing.yaml", "constraint.txt", "suite.yaml/..."]


# What in a suite has a wrong shape: where, and what stands there.
CASE = ["tests", 0, "cases", 0]
SHAPES = [
    (["tests"], "a"),
    (["tests"], {"a": 1}),
    (["tests", 0], "a"),
    (["skip"], "yes"),
    (["tests", 0, "name"], 1),
    (["tests", 0, "invalid"], 1),
    (["tests", 0, "cases"], {}),
    (CASE, 1),
    ([*CASE, "name"], []),
    ([*CASE, "skip"], "no"),
    ([*CASE, "inventory"], "a"),
    ([*CASE, "inventory"], [1]),
    ([*CASE, "assertions"], {}),
    ([*CASE, "assertions"], ["a"]),
    ([*CASE, "assertions"], [{"message": 1}]),
    ([*CASE, "assertions"], [{"violations": True}]),
    ([*CASE, "assertions"], [{"violations": 1.5}]),
    ([*CASE, "assertions"], [{"violations": 99999999999}]),
    (["tests", 0, "Cases"], None),
    (["tests", 0, "nothing"], 1),
]
BENCHES = [
    ("figures", "-f . -e rego -n 5 --warmup 1"),
    ("figures", "-f . -e rego -n 5 --warmup 1 -c 3"),
    ("figures", "-f . -e rego -n 5 --warmup 7 -o json"),
    ("figures", "-f . -e rego -n 5 -o yaml"),
    ("figures", "-f . -n 5"),
    ("figures", "-f . -e all -n 5 -o json"),
    ("figures", "-f both.yaml -f bad.yaml -e all -n 5 -o json"),
    ("words", "-f bad.yaml -n 5"),
    ("words", "-f template.json.yaml -n 5"),
    ("words", "-f template.json.yaml -f constraint.yaml -n 5"),
    ("words", "-f missing -n 5"),
    ("words", ""),
    ("words", "-f . -e wasm"),
    ("words", "-f . -o xml"),
    ("words", "-f . -n 0"),
    ("words", "-f . --warmup=-1"),
    ("words", "-f . -c 0"),
    ("words", "-f . --threshold=-1"),
    ("words", "-f . --min-threshold=-1s"),
    ("words", "-f . --compare=missing"),
]
POD_KIND, ROLE_KIND = ("", "v1", "Pod"), ("rbac.authorization.k8s.io", "v1", "ClusterRole")


def needing(*any_of, text=None, name="needs"):
    """A template that must see kinds: of each of `any_of` one at least; `text` in place of the annotation's."""
    made = template("Needs", ALWAYS, name=name)
    clauses = [[{"groups": [group], "versions": [version], "kinds": [kind]} for group, version, kind in kinds] for kinds in any_of]
    made["metadata"]["annotations"] = {"metadata.gatekeeper.sh/requires-sync-data": json.dumps(clauses) if text is None else text}
    return made


def kinds_of(kinds):
    return [{"group": group, "version": version, "kind": kind} for group, version, kind in kinds]


def sync_set(*kinds):
    return {"apiVersion": "syncset.gatekeeper.sh/v1alpha1", "kind": "SyncSet", "metadata": {"name": "s"}, "spec": {"gvks": kinds_of(kinds)}}


def config(*kinds):
    return {"apiVersion": "config.gatekeeper.sh/v1alpha1", "kind": "Config", "metadata": {"name": "config", "namespace": "gatekeeper-system"},
            "spec": {"sync": {"syncOnly": kinds_of(kinds)}}}


def supported(*kinds):
    groups = {}
    for group, version, kind in kinds:
        groups.setdefault(group, {}).setdefault(version, []).append(kind)
    return {"apiVersion": "gvkmanifest.gatekeeper.sh/v1alpha1", "kind": "GVKManifest", "metadata": {"name": "all"}, "spec": {"groups": groups}}


def syncs():
    """(name, how, documents, flags) for `gator sync test`."""
    both = POD_KIND, ROLE_KIND
    forced = ["-f"]
    yield "met by a SyncSet", "same", [needing([POD_KIND]), sync_set(POD_KIND), supported(*both)], []
    yield "met by a Config", "same", [needing([POD_KIND], [ROLE_KIND]), config(*both), supported(*both)], []
    yield "met by both together", "same", [needing([POD_KIND], [ROLE_KIND]), config(POD_KIND), sync_set(ROLE_KIND), supported(*both)], []
    yield "one of several is enough", "same", [needing([POD_KIND, ROLE_KIND]), sync_set(ROLE_KIND), supported(ROLE_KIND)], []
    yield "nothing is asked for", "words", [needing([POD_KIND]), supported(*both)], []
    yield "another kind is asked for", "words", [needing([POD_KIND]), sync_set(ROLE_KIND), supported(*both)], []
    yield "the cluster does not have it", "words", [needing([POD_KIND]), sync_set(POD_KIND), supported(ROLE_KIND)], []
    yield "another version", "words", [needing([POD_KIND]), sync_set(("", "v2", "Pod")), supported(("", "v2", "Pod"))], []
    yield "one of two is missing", "words", [needing([POD_KIND], [ROLE_KIND]), sync_set(POD_KIND), supported(*both)], []
    yield "no manifest", "words", [needing([POD_KIND]), sync_set(POD_KIND)], []
    yield "no manifest, and none is wanted", "same", [needing([POD_KIND]), sync_set(POD_KIND)], forced
    yield "missing without a manifest", "words", [needing([POD_KIND]), sync_set(ROLE_KIND)], forced
    yield "two manifests", "words", [needing([POD_KIND]), sync_set(POD_KIND), supported(POD_KIND), supported(ROLE_KIND)], []
    yield "two configs", "words", [needing([POD_KIND]), config(POD_KIND), config(ROLE_KIND), supported(*both)], []
    yield "a template that needs nothing", "same", [template("Always", ALWAYS), supported(*both)], []
    yield "an object among them", "same", [needing([POD_KIND]), sync_set(POD_KIND), supported(*both), pod()], []
    yield "an empty list", "same", [needing(), supported(*both)], []
    # The words of its parser are Go's.
    for text in ["[[", "{}", "7", '[[{"groups": "x"}]]', '[[{"group": ["x"]}]]', '[{"groups": [""]}]', "nothing"]:
        yield f"annotation {text}", "status", [needing(text=text), sync_set(POD_KIND), supported(*both)], []


# A template of both engines.
BOTH = [
    template("Both", None, code=[
        {"engine": "K8sNativeValidation", "source": {"validations": [{"expression": "false", "message": "no"}]}},
        {"engine": "Rego", "source": {"rego": 'package both\nviolation[{"msg": "no"}] { true }'}},
    ]),
    constraint("Both"),
]


def with_shape(path, value):
    """The suite, with something else at a place."""
    changed = json.loads(json.dumps(SUITE))
    *front, last = path
    place = changed
    for part in front:
        place = place[part]
    place[last] = value
    return changed


def bench(folder):
    suite(folder)
    for name in ["suite.yaml", "invalid.yaml", "review.yaml"]:
        (folder / name).unlink()
    (folder / "both.yaml").write_text("\n---\n".join(map(json.dumps, BOTH)))


def write(folder, documents):
    (folder / "all.yaml").write_text("\n---\n".join(json.dumps(document, indent=1) for document in documents))


def suite(folder):
    write_one = lambda name, value: (folder / name).write_text(json.dumps(value, indent=1))
    write_one("suite.yaml", SUITE)
    write_one("template.json.yaml", template("Repos", REPOS, REPOS_SCHEMA))
    write_one("constraint.yaml", constraint("Repos", parameters={"repos": ["good.io/"]}))
    write_one("constraint.txt", constraint("Repos", parameters={"repos": ["good.io/"]}))
    write_one("invalid.yaml", constraint("Repos", parameters={"repos": 1}))
    write_one("good.yaml", pod(images=["good.io/x"]))
    write_one("bad.yaml", pod(images=["bad.io/x"]))
    review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {"operation": "DELETE", "oldObject": pod(), "kind": {"group": "", "version": "v1", "kind": "Pod"}}}
    write_one("review.yaml", review)


def main():
    plimsoll, gator = str(Path(sys.argv[1]).resolve()), str(Path(sys.argv[2]).resolve())
    wanted = sys.argv[3] if len(sys.argv) > 3 else ""
    lines = []
    with tempfile.TemporaryDirectory() as top:
        top = Path(top)
        for command, made in [("test", cases()), ("expand", expands())]:
            for at, (name, how, documents) in enumerate(made):
                folder = top / f"{command}{at}"
                folder.mkdir()
                write(folder, documents)
                flag = "-f" if command == "test" else "-n"
                lines.append((f"{command}: {name}", how, [command, flag, "all.yaml"], folder))
                if command == "test" and at % 12 == 0 and how == "same":
                    lines.append((f"{command}: {name}, statistics", "stats", [command, flag, "all.yaml", "--stats", "-o", "json"], folder))
                if command == "test" and at % 6 == 0 and how == "same":
                    lines.append((f"{command}: {name}, JSON", "data", [command, flag, "all.yaml", "-o", "json"], folder))
                    lines.append((f"{command}: {name}, YAML", "data", [command, flag, ".", "-o", "yaml", "--deny-only"], folder))
                if command == "expand" and at % 6 == 0 and how == "same":
                    lines.append((f"{command}: {name}, JSON", how, [command, flag, "all.yaml", "-f", "json"], folder))
        for at, (name, how, documents, flags) in enumerate(syncs()):
            folder = top / f"sync{at}"
            folder.mkdir()
            write(folder, documents)
            lines.append((f"sync test: {name}", how, ["sync", "test", "-n", "all.yaml", *flags], folder))
        folder = top / "suite"
        folder.mkdir()
        suite(folder)
        for line in VERIFIES:
            lines.append((f"verify: {line}", "verify", ["verify", *line.split()], folder))
        folder = top / "shapes"
        folder.mkdir()
        suite(folder)
        for at, (path, value) in enumerate(SHAPES):
            (folder / f"shape{at}.yaml").write_text(json.dumps(with_shape(path, value)))
            name = f"verify: {json.dumps(value)} at {'.'.join(map(str, path))}"
            lines.append((name, "shape", ["verify", f"shape{at}.yaml"], folder))
        folder = top / "bench"
        folder.mkdir()
        bench(folder)
        for how, line in BENCHES:
            lines.append((f"bench: {line}", how, ["bench", *line.split()], folder))
        wrong = []
        ran = 0
        for name, how, line, folder in lines:
            if wanted not in name:
                continue
            ran += 1
            real, ours = run([gator], line, folder), run([plimsoll, "gator"], line, folder)
            if how == "verify":
                # Errors of files, of expressions and of the schema are worded by libraries; what failed is the same.
                cut = lambda text: [line for line in plain(text).split("\n") if not line.startswith("  ") or "FAIL" in line or "PASS" in line]
                good = real[0] == ours[0] and cut(real[1]) == cut(ours[1])
            elif how == "shape":
                first = lambda text: plain(text).strip().split("\n")[0]
                good = real[0] == ours[0] and first(real[2]) == first(ours[2])
            else:
                good = agree(how, real, ours)
            if not good:
                wrong.append(name)
                print(f"DIFFERS {name} ({' '.join(line)})")
                print(f"  status {real[0]} and {ours[0]}")
                both = [plain(out + err).split("\n") for _, out, err in (real, ours)]
                for text in list(difflib.unified_diff(*both, "real", "ours", lineterm="", n=1))[:40]:
                    print(f"    {text[:300]}")
        print(f"say: {ran} command lines beside the real gator, {len(wrong)} differ")
        return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
