#!/bin/sh
# Lint, types, layer contracts and every test, in the environment $VENV.
set -eu
: "${VENV:=.venv}"
bin=$VENV/bin
"$bin/ruff" check --quiet .
"$bin/ruff" format --quiet --check .
"$bin/mypy" --no-error-summary
"$bin/lint-imports" --no-cache >/dev/null || "$bin/lint-imports" --no-cache
"$bin/pytest" -q -n auto --dist loadgroup "$@"
