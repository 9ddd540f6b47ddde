#!/usr/bin/env bash
# Build oauth2-proxy from its published module into the cache folder, for `python -m bench verify-oauth2-proxy` alone:
# neither tests nor `make stack` need it. Nothing is done twice; it takes some minutes and Go 1.21 or newer.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
source ../lib.sh

cache=${PASEPORT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/paseport}
program=oauth2-proxy-7.8.1
module=github.com/oauth2-proxy/oauth2-proxy/v7
PATH=$PATH:/usr/local/go/bin

[ ! -x "$cache/$program" ] || exit 0
command -v go >/dev/null || die "missing: Go 1.21 or newer. Install it: https://go.dev/dl/"
mkdir -p "$cache"
# Under another name until it is whole: a build that was stopped must not be taken for a program.
unfinished="$cache/.$program.$$"
trap 'rm -f "$unfinished"' EXIT
say "Building $program, once"
go build -trimpath -o "$unfinished" -ldflags "-s -w -X $module/pkg/version.VERSION=v7.8.1" "$module"
mv "$unfinished" "$cache/$program"
