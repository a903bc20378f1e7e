#!/bin/sh
# Makes the environment and installs one locked requirements file and this project into it.
# usage: PYTHON=python3 VENV=.venv install.sh requirements/run.txt
#
# uv installs in a tenth of pip's time, so pip fetches uv and uv the rest. Without a network the copies that an earlier
# installation left in the caches serve. Where uv cannot do it, for example because only pip knows the mirror, pip does.
set -eu
requirements=$1
: "${PYTHON:=python3}" "${VENV:=.venv}"
cache=${XDG_CACHE_HOME:-$HOME/.cache}/podium/wheels
export PIP_DISABLE_PIP_VERSION_CHECK=1
echo "Installing $requirements into $VENV"

"$PYTHON" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' || {
    echo "$("$PYTHON" --version) cannot run Podium, which needs Python 3.11, 3.12 or 3.13; name one: make PYTHON=python3.12" >&2
    exit 1
}
[ -x "$VENV/bin/python" ] || "$PYTHON" -m venv "$VENV"
python=$VENV/bin/python

fetch_uv() {
    mkdir -p "$cache"
    "$python" -m pip download --quiet --no-deps --require-hashes --dest "$cache" -r requirements/setup.txt || true
    "$python" -m pip install --quiet --no-index --find-links "$cache" --require-hashes -r requirements/setup.txt
}

with_uv() {
    [ -x "$VENV/bin/uv" ] || fetch_uv || return 1
    sync="$VENV/bin/uv pip install --quiet --python $python --require-hashes -r $requirements"
    $sync || $sync --offline
}

with_uv 2>"$VENV/install.log" || {
    cat "$VENV/install.log" >&2
    echo "uv could not; trying pip" >&2
    "$python" -m pip install --quiet --require-hashes -r "$requirements"
}
# the build backend is locked too, so nothing is fetched here
"$python" -m pip install --quiet --no-deps --no-build-isolation --no-index --editable .
