package services

# A port of every node is open to whoever reaches one.
deny contains msg if {
	input.request.kind.kind == "Service"
	input.request.object.spec.type == "NodePort"
	msg := sprintf("service %s opens a port on every node; use ClusterIP behind an ingress", [input.request.object.metadata.name])
}
