package old

deny[msg] {
	image := input.images[_]
	not startswith(image, "registry.example.com/")
	msg := sprintf("%v is from elsewhere", [image])
}
