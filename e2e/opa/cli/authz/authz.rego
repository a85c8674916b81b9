# METADATA
# title: Who may do what
# description: Lets owners in, and readers read.
# authors:
# - Ann Author <ann@example.com>
package authz

import data.roles

default allow := false

allow if input.user == "root"

allow if {
	some role in roles[input.user]
	role == "owner"
}

# METADATA
# title: Reasons
deny contains msg if {
	some path in input.paths
	not startswith(path, "/public/")
	msg := sprintf("%s may not read %s", [input.user, path])
}

level := n if {
	n := count(roles[input.user])
}

broken := 1 / input.zero
