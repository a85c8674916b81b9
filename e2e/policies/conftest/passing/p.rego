package main

test_one if 1 == 1

test_two if {
	trace("here")
	x := 2
	x > 1
}
