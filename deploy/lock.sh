#!/bin/sh
# Writes the lock files from pyproject.toml: every version and hash, for every platform; no index, no path in them.
set -eu
cd "$(dirname -- "$0")/.."
compile() {
    out=$1
    shift
    uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
        --no-emit-index-url --no-emit-find-links -o "requirements/$out.lock" "$@"
}
compile run pyproject.toml --extra standalone
compile dev pyproject.toml --extra standalone --group dev
compile node requirements/node.in
