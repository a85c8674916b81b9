package authz_test

import data.authz

test_root if authz.allow with input as {"user": "root"}

test_owner if authz.allow with input as {"user": "ann"}

test_reader_fails if authz.allow with input as {"user": "bob"}

todo_test_later if false

test_prints if {
	print("user is", "ann")
	authz.level == 2 with input as {"user": "ann"}
}

test_twice if true

test_twice if 1 == 1

test_errs if authz.broken == 1 with input as {"zero": 0}

test_conflict if q == 1

q := 1 if true

q := 2 if true

test_table[name] if {
	some name, case in {
		"empty": {"in": [], "out": 0},
		"one": {"in": [1], "out": 1},
		"wrong": {"in": [1], "out": 2},
	}
	count(case["in"]) == case.out
}
