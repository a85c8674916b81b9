"""The lines of the notes on conftest (30 to 33), as scripts/seeds.py runs them: the personality of conftest over a deployment,
policies of the notes' kind (v0, in ./policy) and a Dockerfile.

What is put right is said beside it: policies of before OPA 1.0 need `--rego-version v0`.
"""
import json
import os

POLICY = """package main

deny[msg] {
  input.kind == "Deployment"
  not input.spec.template.spec.securityContext.runAsNonRoot
  msg := "Containers must not run as root"
}

deny[msg] {
  input.kind == "Deployment"
  container := input.spec.template.spec.containers[_]
  not container.resources.limits
  msg := sprintf("%s has no limits", [container.name])
}
"""
DEPLOYMENT = """apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  template:
    spec:
      containers: [{name: app, image: app:1}]
"""


def folder(lint):
    os.makedirs(os.path.join(lint.work, "conftest/policy"), exist_ok=True)
    lint.write("conftest/policy/deployment.rego", POLICY)
    lint.write("conftest/deployment.yaml", DEPLOYMENT)
    return os.path.join(lint.work, "conftest")


def two_failures(lint, *more):
    """30, 31: with the version of Rego said, two failures and status 1."""
    test = [lint.plimsoll, "conftest", "test", "--no-color", *more, "--rego-version", "v0", "deployment.yaml"]
    said = lint.run(test, inside=folder(lint), status=1).stdout
    assert said == (
        "FAIL - deployment.yaml - main - Containers must not run as root\n"
        "FAIL - deployment.yaml - main - app has no limits\n"
        "\n2 tests, 0 passed, 0 warnings, 2 failures, 0 exceptions\n"
    ), said


def old_policy(lint):
    """32: as written it is refused, with the way out; `limits: {}` and what a container itself says are not looked at."""
    here = folder(lint)
    refused = lint.run([lint.plimsoll, "conftest", "test", "deployment.yaml"], inside=here, status=1).stderr
    assert "policy/deployment.rego:3: rego_parse_error: `if` keyword is required before rule body" in refused, refused
    assert "--rego-version v0" in refused, refused
    spec = {"containers": [{"name": "app", "resources": {"limits": {}}, "securityContext": {"runAsNonRoot": True}}]}
    lint.write("conftest/odd.json", json.dumps({"kind": "Deployment", "spec": {"template": {"spec": spec}}}))
    odd = [lint.plimsoll, "conftest", "test", "--rego-version", "v0", "-o", "json", "odd.json"]
    said = json.loads(lint.run(odd, inside=here, status=1).stdout)[0]["failures"]
    assert [failure["msg"] for failure in said] == ["Containers must not run as root"], said


def dockerfile(lint):
    """33: the forms of a Dockerfile that the linked example's policies look at."""
    here = folder(lint)
    os.makedirs(os.path.join(here, "docker"), exist_ok=True)
    lint.write("conftest/docker/base.rego", """package main

deny contains msg if {
  input[i].Cmd == "from"
  val := split(input[i].Value[0], ":")
  val[1] == "latest"
  msg := sprintf("no latest: %s", [val])
}
""")
    lint.write("conftest/docker/commands.rego", """package commands

deny contains msg if {
  input[i].Cmd == "run"
  contains(input[i].Value[_], "apk")
  msg := sprintf("unallowed command: %s", [input[i].Value])
}
""")
    lint.write("conftest/Dockerfile", "FROM openjdk:latest\nRUN apk add git\n")
    test = [lint.plimsoll, "conftest", "test", "-p", "docker", "--all-namespaces", "-o", "json", "Dockerfile"]
    said = json.loads(lint.run(test, inside=here, status=1).stdout)
    messages = {check["namespace"]: check["failures"][0]["msg"] for check in said}
    assert messages == {
        "main": 'no latest: ["openjdk", "latest"]',
        "commands": 'unallowed command: ["apk add git"]',
    }, messages


LINES = {
    30: two_failures,
    31: lambda lint: two_failures(lint, "--policy", "./policy"),
    32: old_policy,
    33: dockerfile,
}
