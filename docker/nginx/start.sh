#!/bin/sh
# Start the edge in a container: write its configuration where it may write, then become nginx.
set -eu
umask 077
run=${PASEPORT_EDGE_RUN_FOLDER:-/run/paseport}
here=$(dirname "$0")
"$here/render.sh" > "$run/nginx.conf"
exec nginx -e stderr -p "$run" -c "$run/nginx.conf"
