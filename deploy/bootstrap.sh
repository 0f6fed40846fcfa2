#!/bin/sh
# Makes .venv and installs a lock file into it, with hashes: `bootstrap.sh run`, `bootstrap.sh dev` or `bootstrap.sh node`.
# Does nothing when that was done before with the same lock file. Uses pip's and uv's own configuration, whatever it is.
set -eu
kind=${1:?run, dev or node}
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cd "$root"
venv_python=.venv/bin/python

say() { printf '%s\n' "$*" >&2; }
die() { say "$*"; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }
is_new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

# As root on Debian and Ubuntu what is missing can be installed.
apt_install() {
    [ "$(id -u)" = 0 ] && have apt-get || return 1
    say "Installing $* with apt …"
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" >/dev/null 2>&1 </dev/null && return 0
    apt-get update -qq >/dev/null 2>&1 </dev/null || true
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" >&2 </dev/null
}

find_python() {
    for candidate in "${PYTHON:-}" python3 python3.14 python3.13 python3.12 python3.11 python; do
        if [ -n "$candidate" ] && have "$candidate" && is_new_enough "$candidate"; then
            command -v "$candidate"
            return 0
        fi
    done
    return 1
}

make_venv() {
    python=$(find_python) || { apt_install python3 && python=$(find_python); } ||
        die "Flowversal needs Python 3.11 or newer. Install it (on Debian or Ubuntu: apt install python3 python3-venv), or name one: make PYTHON=/path/to/python3.12 …"
    say "Making .venv with $("$python" --version) …"
    # Without pip, because Debian's Python has none to put into it; --clear, because an old one may be half made.
    "$python" -m venv --without-pip --clear .venv >/dev/null 2>&1 ||
        { have uv && uv venv --quiet --clear --python "$python" .venv; } ||
        { apt_install python3-venv && "$python" -m venv --without-pip --clear .venv; } ||
        die "Could not make a virtual environment. Install uv, or Python's venv module (apt install python3-venv)."
}

# One after the other, until one has installed everything. A lock file is complete: --no-deps leaves out what it leaves out.
install_lock() {
    if have uv; then
        uv pip install --quiet --python "$venv_python" --no-deps --require-hashes -r "$1" && return 0
        say "uv could not install it; trying pip …"
    fi
    if ! "$venv_python" -m pip --version >/dev/null 2>&1; then
        for pip in pip3 pip; do
            if have $pip; then
                $pip --python "$venv_python" install --quiet --no-deps --require-hashes -r "$1" && return 0
            fi
        done
        "$venv_python" -m ensurepip --default-pip >/dev/null 2>&1 ||
            { apt_install python3-venv && "$venv_python" -m ensurepip --default-pip >/dev/null 2>&1; } ||
            die "Neither uv nor pip is installed, and this Python cannot bring its own. Install one of them (apt install python3-venv, or uv)."
    fi
    "$venv_python" -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r "$1" ||
        die "The packages of $1 could not be installed: see the message above (network, proxy or package index)."
}

is_installed() {
    stamp=".venv/.installed-$1"
    [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(cksum <"requirements/$1.lock")" ]
}

[ -w . ] || [ -x "$venv_python" ] || die "$root cannot be written, and it has no .venv yet: make run must be started once by its owner."
cache=${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}
if ! mkdir -p "$cache" 2>/dev/null || [ ! -w "$cache" ]; then
    UV_CACHE_DIR=$root/.venv/.cache
    export UV_CACHE_DIR
fi

if ! { [ -x "$venv_python" ] && is_new_enough "$venv_python"; }; then
    make_venv
fi
# The development environment contains everything that a run needs.
if is_installed "$kind" || { [ "$kind" = run ] && is_installed dev; }; then
    exit 0
fi
say "Installing the packages of requirements/$kind.lock into .venv (once, about a minute) …"
install_lock "requirements/$kind.lock"
# Also where Python is told not to write bytecode: without it every process starts three times slower.
"$venv_python" -m compileall -q -j 0 .venv/lib shared services >/dev/null 2>&1 || true
cksum <"requirements/$kind.lock" >".venv/.installed-$kind"
