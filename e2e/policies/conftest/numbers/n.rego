package main

deny contains sprintf("%s is %v", [name, number]) if some name, number in input

warn contains "a million" if input.million == 1000000
