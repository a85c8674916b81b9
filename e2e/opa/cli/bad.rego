package bad

p if {
	x := 1
	y == z
}

q if not startswith("a", input.list[_])
