package main

deny[msg] if {
	msg := "x"
}
