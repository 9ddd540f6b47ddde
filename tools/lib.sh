# Sourced by the scripts beside it: words for people, and the one rule about leaving tests out.

# Colour only for a terminal: logs keep the words.
say() {
    if [ -t 1 ]; then printf '\033[1m==> %s\033[0m\n' "$*"; else printf '==> %s\n' "$*"; fi
}

die() {
    if [ -t 2 ]; then printf '\033[31merror:\033[0m %s\n' "$*" >&2; else printf 'error: %s\n' "$*" >&2; fi
    exit 1
}

# True when the caller asked to go on without a service that cannot be had here. A green CI run must mean that
# everything ran, hence the refusal.
missing_services_allowed() {
    [ "${ALLOW_MISSING_SERVICES:-}" = 1 ] || return 1
    [ "${CI:-}" != true ] || die "ALLOW_MISSING_SERVICES is refused in CI: a test that was left out proves nothing"
}
