package main

deny contains msg if {
	input.x == y
}
