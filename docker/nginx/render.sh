#!/bin/sh
# Put the variables of the environment into paseport.conf.template and print the configuration.
# Usage: render.sh [TEMPLATE] > nginx.conf
#
# For several processes of a service its address may also be a list with commas: "issuer-a:3000,issuer-b:3000".
set -eu

template=${1:-"$(dirname "$0")/paseport.conf.template"}
script=""
missing=""

for name in EDGE_ADDRESS EDGE_HTTP_PORT EDGE_HTTPS_PORT SERVER_NAME PUBLIC_ORIGIN ISSUER_ADDRESS API_ADDRESS \
    APP_FOLDER APP_POLICIES TLS_CERTIFICATE TLS_KEY; do
    eval "value=\${PASEPORT_$name:-}"
    [ -n "$value" ] || missing="$missing PASEPORT_$name"
    # Quotes, braces, dollars, line ends and the characters that sed reads would become configuration of their own.
    case $value in
        *[!A-Za-z0-9\ ./:,_@~+=\[\]-]*) echo "render.sh: PASEPORT_$name holds a character that is not allowed" >&2; exit 2 ;;
    esac
    case $name in
        ISSUER_ADDRESS | API_ADDRESS) value=$(printf %s "$value" | sed 's/ *, */ max_fails=3 fail_timeout=1s; server /g') ;;
    esac
    script="${script}s|\${PASEPORT_$name}|$value|g
"
done
[ -z "$missing" ] || { echo "render.sh: not set:$missing" >&2; exit 2; }

sed "$script" "$template"
