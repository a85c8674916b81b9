package main

deny contains "x" if {
	print("kind", input.kind, {1, 2})
	input.kind == "Deployment"
}
