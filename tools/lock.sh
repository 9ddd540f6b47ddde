#!/usr/bin/env bash
# Write the lock files again. Versions that still fit stay; UPGRADE=1 raises all of them.
# The locks carry hashes and no address of a registry: each installs from whatever registry its user trusts.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source tools/lib.sh

compile() {
    .venv/bin/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate ${UPGRADE:+--upgrade} "$@"
}

say "requirements.lock"
own=()
for project in libs/*/pyproject.toml services/*/pyproject.toml; do
    own+=(--no-emit-package "$(sed -n 's/^name = "\(.*\)"$/\1/p' "$project" | head -n 1)")
done
compile "${own[@]}" --group pyproject.toml:dev pyproject.toml --output-file requirements.lock

say "bootstrap.lock"
compile tools/bootstrap.in --output-file bootstrap.lock

for folder in frontend e2e; do
    say "$folder/package-lock.json"
    if [ -n "${UPGRADE:-}" ]; then verb=update; else verb=install; fi
    (cd "$folder" && npm "$verb" --package-lock-only --omit-lockfile-registry-resolved --ignore-scripts --no-audit --no-fund)
done

.venv/bin/python tools/check_locks.py
