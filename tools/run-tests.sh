#!/usr/bin/env bash
# Run the named make targets in order, all of them even after a failure, and close with one summary: who reads the end
# of a long log learns what failed, and why. Of `a+b+c` the others run beside the first, one after the other, and say
# what they have to say when it has ended: for a first one that waits most of the time, and goes first when it works.
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

# Note how a part went: the result, and the seconds since it began.
note() {
    echo "$2 $((SECONDS - $3))" >"$logs/$1.result"
}

# Set `processor` to the seconds that this shell and everything it has waited for took so far. A subshell would ask for
# its own.
look_at_processor() {
    times >"$logs/times"
    processor=$(tr 'ms' '  ' <"$logs/times" | awk '{ sum += 60 * ($1 + $3) + $2 + $4 } END { printf "%d", sum }')
}

run_beside() {
    local part started result
    for part in "$@"; do
        started=$SECONDS result=passed
        nice -n 10 "${MAKE:-make}" --no-print-directory "$part" >"$logs/$part" 2>&1 || result=FAILED
        note "$part" "$result" "$started"
    done
}

summary=()
failed=()
for group in "$@"; do
    IFS=+ read -ra parts <<<"$group"
    first=${parts[0]}
    look_at_processor
    before=$processor
    run_beside "${parts[@]:1}" &
    beside=$!
    say "make $first"
    started=$SECONDS result=passed
    "${MAKE:-make}" --no-print-directory "$first" 2>&1 | tee "$logs/$first" || result=FAILED
    note "$first" "$result" "$started"
    wait "$beside"
    look_at_processor
    for part in "${parts[@]}"; do
        if [ "$part" != "$first" ]; then
            say "make $part, beside $first"
            cat "$logs/$part"
        fi
        read -r result seconds <"$logs/$part.result"
        [ "$result" = passed ] || failed+=("$part")
        summary+=("$(printf '%-14s %-7s %4d s' "$part" "$result" "$seconds")")
    done
    summary[-1]+=", $((processor - before)) s of processor time"
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
