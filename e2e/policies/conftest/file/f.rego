package main

deny contains msg if {
	data.conftest.file.name == "deploy.yaml"
	endswith(data.conftest.file.dir, "e2e/policies/conftest")
	msg := data.conftest.file.name
}
