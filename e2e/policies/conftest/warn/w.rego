package main

warn contains "a warning" if input.kind == "Deployment"

warn_not contains "never" if input.kind == "Nothing"
