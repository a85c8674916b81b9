package main

deny contains msg if {
	input.kind == "Deployment"
	not input.spec.template.spec.securityContext.runAsNonRoot
	msg := sprintf("%s must not run as root", [input.metadata.name])
}

deny contains msg if {
	input.kind == "Deployment"
	some container in input.spec.template.spec.containers
	not container.resources.limits
	msg := sprintf("container %s has no limits\nadd them", [container.name])
}

violation contains {"msg": msg, "details": {"replicas": input.spec.replicas, "<b>": [1.5, true]}, "_loc": {"file": "chart/<x>&.yaml", "line": 3}} if {
	input.spec.replicas < 2
	msg := "too few replicas"
}

warn_tags contains msg if {
	some container in input.spec.template.spec.containers
	endswith(container.image, ":latest")
	msg := sprintf("%s is of no fixed version", [container.image])
}

deny_replicas contains msg if {
	input.spec.replicas > 1000
	msg := sprintf("%v replicas", [input.spec.replicas])
}

exception contains rules if {
	input.metadata.labels.legacy == "yes"
	rules := ["tags", "replicas"]
}
