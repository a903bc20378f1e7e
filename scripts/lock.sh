#!/bin/sh
# Resolves the dependencies in pyproject.toml for Linux and macOS, with hashes and without any index's address.
# usage: lock.sh UV
set -eu
uv=$1
compile() {
    "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
        --no-header --no-annotate "$@"
}
compile requirements/setup.in --output-file requirements/setup.txt
compile pyproject.toml --output-file requirements/run.txt
compile pyproject.toml --extra dev --constraint requirements/run.txt --output-file requirements/test.txt
