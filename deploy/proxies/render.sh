#!/bin/sh
# Put the variables of the environment into a template and print the configuration.
# Usage: render.sh TEMPLATE > FILE
#
# Only PASEPORT_ names in braces are placeholders: the dollars of nginx stay what they are.
set -eu

[ $# -eq 1 ] || { echo "Usage: render.sh TEMPLATE > FILE" >&2; exit 2; }
script=""
missing=""

for name in $(grep -o '\${PASEPORT_[A-Z_]*}' "$1" | tr -d '${}' | sort -u); do
    eval "value=\${$name:-}"
    [ -n "$value" ] || missing="$missing $name"
    # Quotes, braces, dollars, line ends and the characters that sed reads would become configuration of their own.
    case $value in
        *[!A-Za-z0-9./:_@~+=\[\]-]*) echo "render.sh: $name holds a character that is not allowed" >&2; exit 2 ;;
    esac
    script="${script}s|\${$name}|$value|g
"
done
[ -z "$missing" ] || { echo "render.sh: not set:$missing" >&2; exit 2; }

sed "$script" "$1"
