package main

test_limits if data.limits.replicas == 3
