package main

deny contains msg if {
	some command in input
	command.Cmd == "from"
	endswith(command.Value[0], ":latest")
	msg := sprintf("stage %d is of %s", [command.Stage, command.Value[0]])
}

warn contains msg if {
	some command in input
	command.Cmd == "comment"
	msg := command.Value[0]
}
