#!/usr/bin/env bash
# Make .venv and install exactly what the lock files name, every file checked against its hash.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source tools/lib.sh

install_hint() {
    if command -v brew >/dev/null; then echo "brew install python@3.13"
    elif command -v apt-get >/dev/null; then echo "sudo apt-get install -y python3 python3-venv"
    elif command -v dnf >/dev/null; then echo "sudo dnf install -y python3.12"
    else echo "see https://www.python.org/downloads/"
    fi
}

is_new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

# Whether it was compiled with profile-guided optimisation. One that was not, as pyenv compiles them unless told otherwise,
# takes up to half as long again. Debian and Ubuntu optimise theirs without saying so in its configuration.
is_optimised() {
    "$1" -c 'import sys, sysconfig
said = "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or "")
sys.exit(not said and "deb_system" not in sysconfig.get_scheme_names())'
}

can_make_environments() { command -v uv >/dev/null || "$1" -c 'import ensurepip, venv' 2>/dev/null; }

# PYTHON names the interpreter. Without it the first that is new enough and optimised wins, in the order of the names and
# of PATH, else the first that is new enough.
find_python() {
    local candidate first=
    while read -r candidate; do
        is_new_enough "$candidate" || continue
        if [ -n "${PYTHON:-}" ] || { is_optimised "$candidate" && can_make_environments "$candidate"; }; then
            echo "$candidate"
            return
        fi
        first=${first:-$candidate}
    done < <(type -aP ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11})
    if [ -n "$first" ]; then
        echo "$first"
        return
    fi
    local found
    found=$("${PYTHON:-python3}" --version 2>/dev/null || echo "none")
    die "Paseport needs Python 3.11 or newer (found: ${found}). Install it: $(install_hint)  (or name one: make setup PYTHON=/path/to/python)"
}

python=$(find_python)

if ! is_new_enough .venv/bin/python; then
    # Debian splits these modules off; the error of `python -m venv` is longer and leaves half a folder behind.
    can_make_environments "$python" ||
        die "$python cannot make virtual environments. Install the missing part: sudo apt-get install -y python3-venv"
    is_optimised "$python" || say "$python was compiled without optimisation: Paseport runs, but slower"
    say "Making .venv with $("$python" --version)"
    if command -v uv >/dev/null; then
        uv venv --quiet --clear --python "$python" .venv
    else
        "$python" -m venv --clear .venv
    fi
fi

if command -v uv >/dev/null; then
    uv=uv
else
    uv=.venv/bin/uv
    if [ ! -x "$uv" ]; then
        # A .venv that uv once made has no pip.
        .venv/bin/python -m pip --version >/dev/null 2>&1 || .venv/bin/python -m ensurepip --upgrade >/dev/null
        .venv/bin/python -m pip install --quiet --require-hashes -r bootstrap.lock
    fi
fi

say "Installing the Python packages of requirements.lock"
export VIRTUAL_ENV="$PWD/.venv"
# `sync` also removes what the lock no longer names, so that a forgotten dependency fails here and not at a stranger's.
# bootstrap.lock stays in the list: uv must not remove itself, and `make lock` uses this pinned one.
# Compiled once and here: by the first process it would be again by each one, where the environment forbids to keep it.
"$uv" pip sync --quiet --compile-bytecode --require-hashes requirements.lock bootstrap.lock
editable=()
for project in libs/*/pyproject.toml services/*/pyproject.toml; do
    editable+=(--editable "$(dirname "$project")")
done
"$uv" pip install --quiet --no-deps --no-build-isolation "${editable[@]}"
.venv/bin/python -m compileall -q -j 0 libs/*/src services/*/src
