#!/usr/bin/env bash
# Run the named make targets in order, all of them even after a failure, and close with one summary.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source tools/lib.sh

missing_services_allowed || true
SKIPPED_LOG=$(mktemp)
export SKIPPED_LOG
trap 'rm -f "$SKIPPED_LOG"' EXIT

summary=()
failed=0
for part in "$@"; do
    say "make $part"
    started=$SECONDS
    if "${MAKE:-make}" --no-print-directory "$part"; then
        result=passed
    else
        result=FAILED
        failed=1
    fi
    summary+=("$(printf '%-14s %-7s %4d s' "$part" "$result" $((SECONDS - started)))")
done

echo
say "Summary"
printf '  %s\n' "${summary[@]}"
if [ -s "$SKIPPED_LOG" ]; then
    say "NOT EVERYTHING RAN (ALLOW_MISSING_SERVICES=1)"
    sort -u "$SKIPPED_LOG" | sed 's/^/  left out: /'
fi
exit $failed
