package main

deny contains msg if {
	x := to_number("seven")
	msg := sprintf("%v", [x])
}
