# METADATA
# title: Things of the cluster
# description: What every workload is held to.
# related_resources:
# - ref: https://example.org/rules
#   description: The rules
# - https://example.org/more
package main.cluster

# METADATA
# title: No latest
# description: |
#   Tags move.
#   Digests do not.
deny contains "latest" if input.latest

# METADATA
# title: Helper
# scope: document
helper if true

# METADATA
# description: no title
warn contains "x" if input.x
