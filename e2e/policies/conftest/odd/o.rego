package main

deny contains 7 if input.kind

violation := "a text, no set"

warn contains "" if input.kind

warn_list := ["one", {"msg": "two"}]

deny_nothing contains "x" if not input.kind

deny_ contains "no rule" if input.kind
