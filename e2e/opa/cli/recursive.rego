package r

p if q

q if p
