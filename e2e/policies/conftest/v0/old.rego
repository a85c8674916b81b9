package main

deny[msg] {
	input.kind == "Deployment"
	msg := "old words"
}
