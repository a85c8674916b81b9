package main

test_err if {
	x := to_number("x")
	x == 1
}

test_fine if true
