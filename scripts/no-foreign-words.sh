#!/usr/bin/env bash
# The project speaks of itself alone: no absolute path of somebody's machine, no package registry's mirror, no name of
# outside test data in the sources.
set -euo pipefail
cd "$(dirname "$0")/.."
status=0
look() { # PATTERN MESSAGE PATHS…
    local pattern=$1 message=$2
    shift 2
    if git grep -nIE "$pattern" -- "$@" ':!scripts/no-foreign-words.sh' ':!Cargo.lock'; then
        echo "^ $message" >&2
        status=1
    fi
}
look '(/root/\.(cargo|rustup|pyenv)|/work/(main|wt|bg|shared))' 'a path of one machine' .
look 'artifactory|/api/(cargo|pypi|npm|go)/' 'the host of a package registry mirror' .
look 'todo!\(|unimplemented!\(' 'unfinished code' 'crates/*/src'
exit $status
