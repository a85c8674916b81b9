package spaces.one

deny contains "one" if input.kind
