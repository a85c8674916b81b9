package u

p if {
	x := [1, 2
}
