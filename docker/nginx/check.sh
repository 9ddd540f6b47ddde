#!/bin/bash
# Say whether the edge answers: on http it leads to https.
set -euo pipefail
exec 3<>"/dev/tcp/127.0.0.1/$PASEPORT_EDGE_HTTP_PORT"
printf 'GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n' "${PASEPORT_SERVER_NAME%% *}" >&3
read -r -t 2 _ status _ <&3
[ "$status" = 308 ]
