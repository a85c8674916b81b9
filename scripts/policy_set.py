"""A set of Gatekeeper's policies to measure with: that of crates/plimsoll-gatekeeper/examples/pace.rs, as files."""

TEMPLATES, CONSTRAINTS = 50, 200
RULES = [
    "container := input.review.object.spec.containers[_]\n        not startswith(container.image, input.parameters.text)",
    "not input.review.object.metadata.labels[input.parameters.text]",
    "container := input.review.object.spec.containers[_]\n        not container.resources.limits.memory",
    "input.review.object.spec.hostNetwork",
    "container := input.review.object.spec.containers[_]\n        container.securityContext.privileged",
]


def documents(prefix, asked):
    """Templates and constraints, so many of which are for pods. Those hold for pods with the labels `app`, `pod-template-hash`, `team` and
    `tier` whose images begin so."""
    for at in range(TEMPLATES):
        yield f"""apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {{name: pace{at}}}
spec:
  crd: {{spec: {{names: {{kind: Pace{at}}}, validation: {{openAPIV3Schema: {{type: object, properties: {{text: {{type: string}}}}}}}}}}}}
  targets:
  - target: admission.k8s.gatekeeper.sh
    rego: |
      package pace{at}
      violation[{{"msg": msg}}] {{
        {RULES[at % len(RULES)]}
        msg := sprintf("broken: %v", [input.parameters.text])
      }}
"""
    for at in range(CONSTRAINTS):
        kind = "Pod" if at % (CONSTRAINTS // asked) == 0 else ["Service", "Ingress", "Deployment"][at % 3]
        # No two constraints of one template have the same parameters.
        turn = at // TEMPLATES
        text = ["app", "pod-template-hash", "team", "tier"][turn] if at % TEMPLATES % len(RULES) == 1 else prefix[:len(prefix) - turn]
        yield f"""apiVersion: constraints.gatekeeper.sh/v1beta1
kind: Pace{at % TEMPLATES}
metadata: {{name: c{at}}}
spec: {{match: {{kinds: [{{apiGroups: ['*'], kinds: [{kind}]}}], excludedNamespaces: [kube-system]}}, parameters: {{text: "{text}"}}}}
"""
