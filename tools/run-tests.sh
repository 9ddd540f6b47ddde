#!/usr/bin/env bash
# Run the named make targets in order, all of them even after a failure, and close with one summary: who reads the end
# of a long log learns what failed, and why.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source tools/lib.sh

missing_services_allowed || true
logs=$(mktemp -d)
SKIPPED_LOG=$logs/skipped
export SKIPPED_LOG
trap 'rm -rf "$logs"' EXIT

# A failure as pytest, Playwright and Vitest report it: the line of the first, the first lines of the others.
failures_in() {
    awk '
        /^(FAILED|ERROR) / { print; next }
        /^  +[0-9]+\) \[/ || /^ FAIL / { left = 25 }
        left > 0 { print; left-- }
    ' "$1" | cut -c 1-300 | head -n 120
}

summary=()
failed=()
for part in "$@"; do
    say "make $part"
    started=$SECONDS
    if "${MAKE:-make}" --no-print-directory "$part" 2>&1 | tee "$logs/$part"; then
        result=passed
    else
        result=FAILED
        failed+=("$part")
    fi
    summary+=("$(printf '%-14s %-7s %4d s' "$part" "$result" $((SECONDS - started)))")
done

for part in "${failed[@]}"; do
    say "What failed in make $part"
    failures_in "$logs/$part"
done
echo
say "Summary"
printf '  %s\n' "${summary[@]}"
if [ -s "$SKIPPED_LOG" ]; then
    say "NOT EVERYTHING RAN (ALLOW_MISSING_SERVICES=1)"
    sort -u "$SKIPPED_LOG" | sed 's/^/  left out: /'
fi
[ ${#failed[@]} -eq 0 ]
