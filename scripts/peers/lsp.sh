#!/usr/bin/env bash
# The language server spoken to by the client library of Visual Studio Code's protocol, from npm.
#   scripts/peers/lsp.sh PLIMSOLL WORK
set -euo pipefail
plimsoll=$(realpath "${1:?usage: scripts/peers/lsp.sh PLIMSOLL WORK}")
work=${2:?usage: scripts/peers/lsp.sh PLIMSOLL WORK}
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$work"
cp "$here/lsp.mjs" "$work/"
cd "$work"
[ -d node_modules/vscode-languageserver-protocol ] ||
    npm install --silent --no-audit --no-fund --no-save vscode-languageserver-protocol@3.17.5
timeout 60 node lsp.mjs "$plimsoll"
