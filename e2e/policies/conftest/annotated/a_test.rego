package main.cluster_test

test_x if true
