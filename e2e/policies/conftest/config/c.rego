package main

deny contains msg if {
	config := parse_config("toml", "[a]\nb = 1")
	msg := sprintf("b is %v", [config.a.b])
}

deny contains msg if {
	config := parse_config("yaml", "x: [1, true]")
	msg := sprintf("x is %v", [config.x])
}

deny contains msg if {
	parse_config("nothing", "x")
	msg := "never"
}
