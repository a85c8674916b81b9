package spaces.two

warn contains "two" if input.kind
