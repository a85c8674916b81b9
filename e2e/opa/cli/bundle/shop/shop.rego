package shop

open if "owner" in data.roles[input.user]
