#!/usr/bin/env bash
# Get the servers that the tests and `make stack` start: MariaDB, Redis, nginx and Caddy from Debian, Vault, toxiproxy,
# Traefik and a current Caddy built from their Go modules into a cache folder outside the repository. Envoy comes with
# the Python packages. Nothing is started here, and nothing is done twice.
# Where a Docker engine answers, MariaDB, Redis, Vault and toxiproxy may be missing: they run in containers then.
# libs/testkit/src/paseport_testkit/harness/programs.py looks for the same programs in the same places.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source tools/lib.sh

cache=${PASEPORT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/paseport}
vault=vault-1.21.2
toxiproxy=toxiproxy-2.5.0
traefik=traefik-3.6.0
caddy=caddy-2.11.9
packages="mariadb-server redis-server nginx libnginx-mod-http-lua caddy faketime"
lua_module=/usr/lib/nginx/modules/ngx_http_lua_module.so
# Debian keeps servers, and Go's own archive keeps Go, where an ordinary user's PATH does not look.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin:/usr/local/go/bin

# A docker command on the PATH proves nothing.
engine_answers() { command -v docker >/dev/null && timeout 5 docker version >/dev/null 2>&1; }

# What has an image is run from it where it is not installed (containers.py).
runs_in_a_container() { [ "${PASEPORT_TEST_CONTAINERS:-}" = 1 ] || engine_answers; }

missing_packages() {
    local program missing
    missing=$(for program in mariadbd mariadb-install-db redis-server; do
        command -v "$program" >/dev/null || echo "$program"
    done)
    [ -z "$missing" ] || runs_in_a_container || echo "$missing"
    for program in nginx caddy faketime; do
        command -v "$program" >/dev/null || echo "$program"
    done
    # Elsewhere nginx brings its modules in its own way.
    ! command -v dpkg >/dev/null || [ -e "$lua_module" ] || echo "nginx's Lua module"
}

missing_builds() {
    local program missing
    missing=$(for program in "$toxiproxy" "$vault"; do
        [ -x "$cache/$program" ] || echo "$program"
    done)
    [ -z "$missing" ] || runs_in_a_container || echo "$missing"
    for program in "$caddy" "$traefik"; do
        [ -x "$cache/$program" ] || echo "$program"
    done
}

listed() { paste -sd ',' - | sed 's/,/, /g'; }

# Debian's packages start their servers, and again at each boot: this machine's ports belong to whoever uses it.
policy=/usr/sbin/policy-rc.d
put_policy_back() {
    rm -f "$policy"
    [ ! -e "$policy.before-paseport" ] || mv "$policy.before-paseport" "$policy"
}

install_packages() {
    local command="apt-get update && apt-get install -y --no-install-recommends $packages"
    if ! command -v apt-get >/dev/null; then
        command -v brew >/dev/null && die "missing: $1. Install them with: brew install mariadb redis openresty caddy libfaketime"
        die "missing: $1. Install your system's packages of MariaDB, Redis, nginx with its Lua module, Caddy, and faketime"
    fi
    [ "$(id -u)" = 0 ] || die "missing: $1. Install them with: sudo sh -c '$command'"

    say "Installing $1: $command"
    local services="mariadb redis-server nginx caddy" service new_services=
    for service in $services; do
        [ -e "/lib/systemd/system/$service.service" ] || new_services+=" $service"
    done
    trap put_policy_back EXIT
    # A copy that is there already is the true one: an earlier run was killed.
    [ ! -e "$policy" ] || [ -e "$policy.before-paseport" ] || mv "$policy" "$policy.before-paseport"
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    DEBIAN_FRONTEND=noninteractive sh -c "$command"
    put_policy_back
    trap - EXIT
    # What was here before keeps running; what came with this stays off at the next boot too.
    if [ -d /run/systemd/system ] && [ -n "$new_services" ]; then
        # shellcheck disable=SC2086 - a list of names
        systemctl disable --quiet --now $new_services
    fi
}

# 1.21 and later fetch the version that a module asks for.
can_build() {
    local minor
    command -v go >/dev/null || return 1
    IFS=. read -r _ minor _ <<<"$(go env GOVERSION)"
    [ "$minor" -ge 21 ]
}

build() {
    local folder=$1 name=$2
    shift 2
    can_build ||
        die "missing: $name, which is built with Go 1.21 or newer. Install Go: https://go.dev/dl/  (then again: make services)"
    say "Building $name from $folder, once (Vault takes about 10 minutes on two cores, Traefik 5)"
    mkdir -p "$cache"
    # Under another name until it is whole: a build that was stopped must not be taken for a program.
    local unfinished="$cache/.$name.$$"
    # shellcheck disable=SC2064 - expanded now: the name is local
    trap "rm -f '$unfinished'" EXIT
    # Never `go mod tidy` here: it raises Vault's sdk to a version that Vault does not compile against.
    (cd "$folder" && go build -trimpath -o "$unfinished" "$@")
    mv "$unfinished" "$cache/$name"
    trap - EXIT
}

get_everything() {
    local missing
    missing=$(missing_packages | listed)
    [ -z "$missing" ] || install_packages "$missing"
    local program
    for program in $(missing_builds); do
        case $program in
            "$toxiproxy") build tools/toxiproxy "$toxiproxy" \
                -ldflags "-s -w -X github.com/Shopify/toxiproxy/v2.Version=2.5.0" github.com/Shopify/toxiproxy/v2/cmd/server ;;
            # "minimal" leaves out the backends of cloud services.
            "$vault") build tools/vault "$vault" -tags minimal -ldflags "-s -w" . ;;
            "$traefik") build tools/traefik "$traefik" \
                -ldflags "-s -w -X github.com/traefik/traefik/v3/pkg/version.Version=3.6.0" \
                github.com/traefik/traefik/v3/cmd/traefik ;;
            "$caddy") build tools/caddy "$caddy" \
                -ldflags "-s -w -X github.com/caddyserver/caddy/v2.CustomVersion=v2.11.9" \
                github.com/caddyserver/caddy/v2/cmd/caddy ;;
        esac
    done
}

if ! missing_services_allowed; then
    get_everything
elif ! ALLOW_MISSING_SERVICES='' tools/services.sh; then
    say "GOING ON WITHOUT, ALLOW_MISSING_SERVICES=1: $({ missing_packages; missing_builds; } | listed)"
fi
