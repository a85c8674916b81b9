package main

deny contains msg if {
	some document in input
	document.contents.kind == "Deployment"
	msg := sprintf("%s: %s", [document.path, document.contents.metadata.name])
}
