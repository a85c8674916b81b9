"""The lines of the notes on Gatekeeper and OPA at admission (15 to 28), as scripts/seeds.py runs them: the notes' own templates
and constraints (tests/seeds/gatekeeper) in the personality of gator, and in a LoadLine at a real API server.

What is put right is said beside it. `allowed-repos-indented.yaml` has the indentation that the notes lost.
"""
import json
import os

from gate_peer import wait_until, webhook

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
NOTES = os.path.join(ROOT, "tests/seeds/gatekeeper")
RULE = os.path.join(ROOT, "tests/seeds/rego/rule.rego")


def note(name):
    with open(os.path.join(NOTES, name)) as file:
        return file.read()


def object_of(kind, name, spec=None, labels=None):
    metadata = {"name": name, "labels": labels or {}}
    if kind != "Namespace":
        metadata["namespace"] = "default"
    made = {"apiVersion": "apps/v1" if kind == "Deployment" else "v1", "kind": kind, "metadata": metadata}
    return made | ({"spec": spec} if spec else {})


def pod(name, *images, labels=None):
    return object_of("Pod", name, {"containers": [{"name": f"c{at}", "image": image} for at, image in enumerate(images)]}, labels)


def deployment(replicas=None):
    labels = {"app": "web"}
    spec = {"selector": {"matchLabels": labels}, "template": {
        "metadata": {"labels": labels}, "spec": {"containers": [{"name": "web", "image": "docker.io/library/nginx:1"}]}}}
    return object_of("Deployment", "web", spec | ({} if replicas is None else {"replicas": replicas}))


def gator(lint, *texts, status):
    """`plimsoll gator test` over these documents: what it printed, both kinds, and the messages with their constraints."""
    given = "\n---\n".join(text if isinstance(text, str) else json.dumps(text) for text in texts)
    path = lint.write("gatekeeper.yaml", given)
    result = lint.run([lint.plimsoll, "gator", "test", "-f", path, "-o", "json"], status=status)
    said = [(one["constraint"]["metadata"]["name"], one["msg"]) for one in json.loads(result.stdout)] if status == 1 and result.stdout.startswith("[") else []
    return result.stdout + result.stderr, said


def lost_indentation(lint):
    """16: as printed it is no YAML; indented, OPA's own check refuses it, and the message says where and how to mend it."""
    said, _ = gator(lint, note("allowed-repos-flat.yaml"), status=1)
    assert "gatekeeper.yaml:21:1" in said and "hint: mend the YAML" in said, said
    said, _ = gator(lint, note("allowed-repos-indented.yaml"), status=1)
    assert "rego_unsafe_var_error: var _ is unsafe" in said and "hint" in said, said


def two_repositories(lint):
    """17: with the iteration in a rule of its own, only the two repositories pass."""
    mended = note("allowed-repos-indented.yaml").replace(
        "not startswith(container.image, input.parameters.repos[_])", "not allowed(container.image)"
    ).replace("[container.image])\n      }\n", "[container.image])\n      }\n      allowed(image) { startswith(image, input.parameters.repos[_]) }\n")
    passing = pod("mine", "gcr.io/my-project/a:1", "myregistry.io/b:1")
    gator(lint, mended, passing, status=0)
    _, said = gator(lint, mended, passing, pod("other", "nginx:1"), status=1)
    assert said == [("allowed-repos", "Container image nginx:1 is not from an allowed registry")], said


def always_denied(lint):
    """19"""
    _, said = gator(lint, note("template-k8salwaysdeny.yaml"), note("pod-always-deny.yaml"), pod("any", "nginx:1"), status=1)
    assert said == [("pod-always-deny", "ACCESS DENIED!")], said


def without_a_message(lint):
    """20: the rule reads the message, and without one it is undefined."""
    constraint = note("pod-always-deny.yaml").split("  parameters:")[0]
    gator(lint, note("template-k8salwaysdeny.yaml"), constraint, pod("any", "nginx:1"), status=0)


def items_without_a_schema(lint):
    """21: `items: string` is taken in v1beta1, where it asks for nothing; in v1 it is refused."""
    template, constraint = note("template-k8srequiredlabels.yaml"), note("ns-must-have-cks.yaml")
    gator(lint, template, constraint, object_of("Namespace", "a", labels={"cks": ""}), status=0)
    said, _ = gator(lint, template.replace("gatekeeper.sh/v1beta1", "gatekeeper.sh/v1"), constraint, status=1)
    assert "items" in said, said


def missing_label(lint, constraint, kind):
    """22, 23: the missing label is named; an empty one counts."""
    template, name = note("template-k8srequiredlabels.yaml"), constraint.removesuffix(".yaml")
    made = (lambda labels: object_of("Namespace", "a", labels=labels)) if kind == "Namespace" else (lambda labels: pod("a", "nginx:1", labels=labels))
    _, said = gator(lint, template, note(constraint), made({"other": "1"}), status=1)
    assert said == [(name, 'you must provide labels: {"cks"}')], said
    gator(lint, template, note(constraint), made({"cks": ""}), status=0)


def too_few_replicas(lint):
    """24"""
    both = note("template-k8sminreplicacount.yaml"), note("deployment-must-have-min-replicas.yaml")
    _, said = gator(lint, *both, deployment(1), status=1)
    assert said == [("deployment-must-have-min-replicas", "you must provide 1 more replicas")], said
    gator(lint, *both, deployment(2), status=0)


def unset_replicas(lint):
    """25: gator is silent, as the real one; the API server makes it 1 (`replicas_at_admission`), and so does `plimsoll check`."""
    both = note("template-k8sminreplicacount.yaml"), note("deployment-must-have-min-replicas.yaml")
    gator(lint, *both, deployment(), status=0)
    os.makedirs(os.path.join(lint.work, "replicas/set"), exist_ok=True)
    for at, text in enumerate(both):
        lint.write(f"replicas/set/{at}.yaml", text)
    lint.write("replicas/web.json", json.dumps(deployment()))
    policy = lint.write("replicas/loadline.yaml", LOADLINE.format(sets="{gatekeeper: set/}", more=""))
    check = [lint.plimsoll, "check", "--offline", "--policy", policy, os.path.join(lint.work, "replicas/web.json")]
    assert "you must provide 1 more replicas" in lint.run(check).stdout
    assert "more replicas" not in lint.run([*check, "--no-defaults"]).stdout


def trusted_images(lint, constraint=None):
    """26, 27: a bare name is refused; a look-alike of docker.io/ passes its prefix test; two bad images are one violation."""
    both = note("template-k8strustedimages.yaml"), note("pod-trusted-images.yaml")
    gator(lint, *both, pod("a", "docker.io/nginx"), status=0)
    gator(lint, *both, pod("a", "docker.io/evil"), status=0)
    _, said = gator(lint, *both, pod("a", "nginx", "quay.io/x"), status=1)
    assert said == [("pod-trusted-images", "not trusted image!")], said


# Images are another's business here: what is said of them is a remark.
LOADLINE = """apiVersion: plimsoll.dev/v1alpha1
kind: LoadLine
metadata: {{name: what-the-cluster-has}}
undecided: deny
data: {{baselineOnly: allow}}
policies: [{sets}]
images: [{{name: all, match: ["**"], mode: audit, soften: true}}]
{more}"""


def served(admission, name, files, sets):
    """A gate with these files as its policies, and the API server told to ask it."""
    folder = admission.at(f"policies/{name}")
    for file, text in files.items():
        path = os.path.join(folder, file)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as out:
            out.write(text)
    with open(os.path.join(folder, "loadline.yaml"), "w") as out:
        out.write(LOADLINE.format(sets=sets, more=""))
    return admission.gate(
        "--cert=mended.pem", "--key=mended-key.pem", "--policy", os.path.join(folder, "loadline.yaml"),
        port=admission.hook_port, docker_config=admission.docker_config,
    )


def asked(admission, scales=False):
    """The API server asks from now on; with `scales` of subresources too."""
    with open(os.path.join(admission.cwd, "mended.pem"), "rb") as file:
        authority = file.read()
    hook = json.loads(webhook(admission.hook_port, authority))
    if scales:
        hook["webhooks"][0]["rules"][0]["resources"].append("*/scale")
    admission.kube("apply", "-f", "-", given=json.dumps(hook))


def replicas_at_admission(admission, _):
    """25, at the API server: unset replicas are one, and denied. A `Scale` is no Deployment: it never matches."""
    names = ("template-k8sminreplicacount.yaml", "deployment-must-have-min-replicas.yaml")
    with served(admission, "replicas", {f"set/{name}": note(name) for name in names}, "{gatekeeper: set/}"):
        asked(admission, scales=True)
        created = lambda made, *flags: admission.kube("create", *flags, "-f", "-", given=json.dumps(made), status=None)
        wait_until(lambda: "you must provide 1 more replicas" in created(deployment(), "--dry-run=server"), 15, "unset replicas are not denied")
        said = created(deployment())
        assert "deployment-must-have-min-replicas" in said and "created" not in said, said
        said = created(deployment(2))
        assert "created" in said, said
        admission.kube("scale", "deployment", "web", "--replicas=1")
        admission.kube("delete", "validatingwebhookconfiguration", "policies")
    admission.kube("delete", "deployment", "web")


def trusted_at_admission(admission, _):
    """28: `k` is kubectl. Denied with the constraint's name; with the registry in front it is admitted."""
    files = {f"set/{name}": note(name) for name in ("template-k8strustedimages.yaml", "pod-trusted-images.yaml")}
    with served(admission, "trusted", files, "{gatekeeper: set/}"):
        asked(admission)
        refused(admission, "nginx", "nginx", "[pod-trusted-images] not trusted image!")
        admission.admitted("nginx", "docker.io/nginx")
        admission.kube("delete", "validatingwebhookconfiguration", "policies")
    admission.kube("delete", "pod", "nginx", "--force")


def rules_at_admission(admission, _):
    """15: the notes' rule, with its package line, where a webhook asks it."""
    with open(RULE) as file:
        rule = "package main\n\n" + file.read()
    with served(admission, "rule", {"rego/rule.rego": rule}, "{rego: rego/}"):
        asked(admission)
        refused(admission, "database", "mysql", "Not allowed!")
        admission.admitted("web", "secureoci.com/nginx")
        admission.kube("delete", "validatingwebhookconfiguration", "policies")
    admission.kube("delete", "pod", "web", "--force")


def refused(admission, name, image, message):
    """What was told of a moment ago is asked for after a moment: until then the pod is only tried."""
    told = lambda: message in admission.kube("run", name, f"--image={image}", "--dry-run=server", status=None)
    wait_until(told, 15, f"{image} is not refused with {message!r}")
    assert message in admission.refused(name, image)


LINES = {
    16: lost_indentation,
    17: two_repositories,
    19: always_denied,
    20: without_a_message,
    21: items_without_a_schema,
    22: lambda lint: missing_label(lint, "ns-must-have-cks.yaml", "Namespace"),
    23: lambda lint: missing_label(lint, "pod-must-have-cks.yaml", "Pod"),
    24: too_few_replicas,
    25: unset_replicas,
    26: trusted_images,
    27: trusted_images,
}
ADMISSION = {25: replicas_at_admission, 28: trusted_at_admission, 15: rules_at_admission}
