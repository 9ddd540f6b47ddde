#!/usr/bin/env bash
# Browser journeys: all of them on the production topology; on the embedded mode those on a phone, those that only it
# has, and how pages look. Without Chromium or the servers they fail, unless the caller said that they may be left out;
# where the servers are missing, all of them are made on the embedded mode.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source tools/lib.sh

leave_out() {
    say "LEFT OUT, ALLOW_MISSING_SERVICES=1: $1"
    [ -z "${SKIPPED_LOG:-}" ] || echo "$1" >>"$SKIPPED_LOG"
}

if missing_services_allowed && ! tools/find-chromium.sh >/dev/null; then
    leave_out "e2e: every browser journey (no Chromium on this machine)"
    exit 0
fi
HEADLESS_CHROMIUM=$(tools/find-headless-chromium.sh)
CHROMIUM=$(tools/find-chromium.sh)
export CHROMIUM HEADLESS_CHROMIUM

has_servers=1
if missing_services_allowed && ! .venv/bin/python -c "import sys; from paseport_testkit.harness.programs import missing_programs; sys.exit(bool(missing_programs()))"; then
    leave_out "e2e: every browser journey on the production topology (servers are missing)"
    has_servers=
fi

# Both wait for a browser most of the time. What the second one says is shown when the first one has ended.
output=$(mktemp)
beside=
trap 'rm -f "$output"; [ -z "$beside" ] || kill "$beside" 2>/dev/null || true' EXIT
if [ -n "$has_servers" ]; then
    tools/with-stack.sh "$PWD/e2e/node_modules/.bin/playwright" test --config e2e/playwright.config.ts \
        --reporter list >"$output" 2>&1 &
    beside=$!
    export PASEPORT_E2E_DIVIDED=1
fi

say "Journeys on the embedded mode"
embedded=passed
if ! (cd e2e && npm test); then
    embedded=FAILED
    grep -E '"level":"(warning|error|critical)"' e2e/test-results/embedded/paseport.log | tail -n 40 >&2 || true
fi

production=passed
if [ -n "$beside" ]; then
    wait "$beside" || production=FAILED
    beside=
    say "Journeys on the production topology"
    cat "$output"
fi
[ "$embedded$production" = passedpassed ]
