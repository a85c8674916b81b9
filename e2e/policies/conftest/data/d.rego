package main

deny contains msg if {
	input.spec.replicas < data.limits.replicas
	msg := sprintf("at least %d", [data.limits.replicas])
}
