package wrong

p if input.user > 1

q := input.usr
