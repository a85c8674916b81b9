"""The lines of the notes on Rego (11 to 13, 18), as scripts/seeds.py runs them: the personality of opa over the notes' own
rules and input (tests/seeds/rego).

What is put right is said beside it: the missing package line, the language of before OPA 1.0, the iteration inside `not`.
"""
import json
import os

from gate_peer import Gate

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
NOTES = os.path.join(ROOT, "tests/seeds/rego")
LOADLINE = """apiVersion: plimsoll.dev/v1alpha1
kind: LoadLine
metadata: {name: the-rule-of-the-notes}
data: {baselineOnly: allow}
policies: [{rego: rego/}]
images: [{name: all, match: ["**"], mode: audit, soften: true}]
"""


def note(name):
    return os.path.join(NOTES, name)


def text(name):
    with open(note(name)) as file:
        return file.read()


def rule_without_package(lint):
    """11: as written it has no package and is v0; the message says what to add, and with it the rule answers."""
    refused = lint.run([lint.plimsoll, "opa", "eval", "-d", note("rule.rego"), "-f", "pretty", "data.main.deny"], status=2)
    assert "rego_parse_error: package expected" in refused.stderr and "package main" in refused.stderr, refused.stderr
    mended = lint.write("rule.rego", "package main\n\n" + text("rule.rego"))
    ask = [lint.plimsoll, "opa", "eval", "-d", mended, "-i", note("input.json"), "-f", "raw", "data.main.deny"]
    v1 = lint.run(ask, status=2)
    assert "`if` keyword is required before rule body" in v1.stderr and "--v0-compatible" in v1.stderr, v1.stderr
    v0 = lint.run([*ask, "--v0-compatible"], status=0)
    assert json.loads(v0.stdout) == ["Not allowed!"], v0.stdout


def review_without_uid(lint):
    """12: offline the input is taken as it is; its prefix test lets a look-alike pass. A webhook cannot answer it: 400."""
    mended = lint.write("rule.rego", "package main\n\n" + text("rule.rego"))
    review = json.loads(text("input.json"))
    review["request"]["object"]["spec"]["containers"] = [{"image": "secureoci.com.evil.io/x"}]
    given = json.dumps(review)
    ask = [lint.plimsoll, "opa", "eval", "--v0-compatible", "-d", mended, "-I", "-f", "raw", "data.main.deny"]
    assert json.loads(lint.run(ask, given=given, status=0).stdout) == []
    os.makedirs(os.path.join(lint.work, "webhook/rego"), exist_ok=True)
    lint.write("webhook/rego/rule.rego", "package main\n\n" + text("rule.rego"))
    policy = lint.write("webhook/loadline.yaml", LOADLINE)
    tls = [f"--{flag}={os.path.join(os.path.dirname(lint.work), 'cwd', file)}" for flag, file in [("cert", "mended.pem"), ("key", "mended-key.pem")]]
    # The gate asks the clock.
    env = {name: value for name, value in lint.env.items() if name != "PLIMSOLL_AT"}
    with Gate(lint.plimsoll, *tls, "--policy", policy, cwd=lint.work, env=env) as gate:
        for change in ({}, {"apiVersion": "admission.k8s.io/v1"}):
            status, said = gate.call("POST", "/validate", json.dumps(json.loads(text("input.json")) | change))
            assert status == 400 and b"allowed" not in said, (status, said)


def printed_output(lint):
    """13: what the notes print is no JSON (an input may be YAML, which takes it), and another text than the rule's."""
    printed = lint.write("output.json", text("output.txt"))
    refused = lint.run([lint.plimsoll, "opa", "eval", "-d", printed, "-f", "pretty", "data"], status=2)
    assert "output.json: invalid character '}'" in refused.stderr, refused
    mended = lint.write("rule.rego", "package main\n\n" + text("rule.rego"))
    ask = [lint.plimsoll, "opa", "eval", "--v0-compatible", "-d", mended, "-i", note("input.json"), "data.main"]
    value = json.loads(lint.run(ask, status=0).stdout)["result"][0]["expressions"][0]["value"]
    assert value == {"deny": ["Not allowed!"]}, value


def not_over_a_list(lint):
    """18: refused as OPA refuses it, with a way out that works."""
    check = [lint.plimsoll, "opa", "check", "--v0-compatible"]
    refused = lint.run([*check, note("allowed-repos.rego")], status=1).stderr
    assert "allowed-repos.rego:4: rego_unsafe_var_error: var _ is unsafe" in refused and "hint" in refused, refused
    mended = text("allowed-repos.rego").replace(
        "not startswith(container.image, input.parameters.repos[_])", "not allowed(container.image)"
    ) + "allowed(image) { startswith(image, input.parameters.repos[_]) }\n"
    path = lint.write("allowed-repos.rego", mended)
    lint.run([*check, path], status=0)
    review = {"review": {"object": {"spec": {"containers": [{"image": "gcr.io/my-project/a"}, {"image": "nginx"}]}}},
              "parameters": {"repos": ["gcr.io/my-project/", "myregistry.io/"]}}
    ask = [lint.plimsoll, "opa", "eval", "--v0-compatible", "-d", path, "-I", "-f", "raw", "data.k8sallowedrepos.violation"]
    said = json.loads(lint.run(ask, given=json.dumps(review), status=0).stdout)
    assert said == [{"msg": "Container image nginx is not from an allowed registry"}], said


LINES = {11: rule_without_package, 12: review_without_uid, 13: printed_output, 18: not_over_a_list}
