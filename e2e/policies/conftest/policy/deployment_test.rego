package main

test_root if {
	some msg in deny with input as {"kind": "Deployment", "metadata": {"name": "a"}}
	print("said", msg)
}

test_wrong if {
	x := count(deny) with input as {}
	x == 7
}

todo_test_later if true
