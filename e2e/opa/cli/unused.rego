package unused

import data.roles

p if {
	x := 1
	y := 2
	y == 2
}
