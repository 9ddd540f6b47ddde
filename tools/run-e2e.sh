#!/usr/bin/env bash
# Browser journeys. Without Chromium they fail, unless the caller said that they may be left out.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source tools/lib.sh

if missing_services_allowed && ! tools/find-chromium.sh >/dev/null; then
    skipped="e2e: every browser journey (no Chromium on this machine)"
    say "LEFT OUT, ALLOW_MISSING_SERVICES=1: $skipped"
    [ -z "${SKIPPED_LOG:-}" ] || echo "$skipped" >>"$SKIPPED_LOG"
    exit 0
fi
CHROMIUM=$(tools/find-chromium.sh)
export CHROMIUM
cd e2e
npm test
