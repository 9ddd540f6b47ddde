#!/usr/bin/env bash
# Run a command while the production topology runs, on free ports and in a folder that goes away:
# tools/with-stack.sh COMMAND … The command finds it through PASEPORT_E2E_* (see e2e/support/installation.ts).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source tools/lib.sh

folder=$(mktemp -d)

# The identity providers that the journeys sign in at (e2e/upstream/serve.js). They say where they are in one line.
.venv/bin/python -c 'import pathlib, sys; from paseport_testkit.harness.certificates import Certificates; Certificates(pathlib.Path(sys.argv[1]))' "$folder/upstream"
echo "{\"certificate\": \"$folder/upstream/localhost.pem\", \"key\": \"$folder/upstream/localhost.key\"}" >"$folder/upstream/configuration.json"
NODE_EXTRA_CA_CERTS="$folder/upstream/ca.pem" node e2e/upstream/serve.js "$folder/upstream/configuration.json" \
    >"$folder/upstream/addresses" 2>"$folder/upstream/log" </dev/null &
upstream=$!
for _ in $(seq 100); do
    [ ! -s "$folder/upstream/addresses" ] || break
    sleep 0.1
done
PASEPORT_E2E_UPSTREAM=$(head -n 1 "$folder/upstream/addresses")
targets=$(.venv/bin/python -c 'import json, sys; said = json.loads(sys.argv[1]); print(",".join(said[name].removeprefix("https://") for name in ("issuer", "github")))' "$PASEPORT_E2E_UPSTREAM")

port=$(.venv/bin/python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
# Every journey signs in from one address; the limit itself has tests of its own. Each makes people and signs them in,
# which is what most of its time would go into. On a machine full of browsers, Redis may be given no processor for longer
# than it may take to answer by default; what happens then is for the drills to show.
.venv/bin/python -m paseport_testkit.stack --folder "$folder/stack" --port "$port" \
    --set PASEPORT_LOGIN_ATTEMPTS_PER_ADDRESS=100000 --set PASEPORT_PASSWORD_WORK_FACTOR=10 \
    --set PASEPORT_OUTBOUND_ALLOW="$targets" --set PASEPORT_OUTBOUND_CA="$folder/upstream/ca.pem" \
    --set PASEPORT_REDIS_TIMEOUT_MS=2000 >"$folder/output" 2>&1 &
stack=$!

end() {
    kill -TERM "$stack" "$upstream" 2>/dev/null || true
    wait "$stack" || true
    rm -rf "$folder"
}
trap end EXIT

description="$folder/stack.json"
for _ in $(seq 600); do
    [ ! -s "$description" ] || break
    kill -0 "$stack" 2>/dev/null || break
    sleep 0.2
done
[ -s "$description" ] || { cat "$folder/output" >&2; die "the production topology did not start"; }

read_description() {
    .venv/bin/python -c 'import functools, json, sys; print(functools.reduce(lambda part, key: part[key], sys.argv[2:], json.load(open(sys.argv[1]))))' "$description" "$@"
}
PASEPORT_E2E_URL=$(read_description url)
PASEPORT_E2E_ADMIN_USERNAME=$(read_description accounts admin username)
PASEPORT_E2E_ADMIN_EMAIL=$(read_description accounts admin email)
PASEPORT_E2E_ADMIN_PASSWORD=$(read_description accounts admin password)
NODE_EXTRA_CA_CERTS=$(read_description ca)
PASEPORT_E2E_STACK=$description
export PASEPORT_E2E_URL PASEPORT_E2E_ADMIN_USERNAME PASEPORT_E2E_ADMIN_EMAIL PASEPORT_E2E_ADMIN_PASSWORD
export PASEPORT_E2E_STACK PASEPORT_E2E_UPSTREAM NODE_EXTRA_CA_CERTS

if ! "$@"; then
    tail -n 40 "$folder"/stack/logs/{issuer,api}-0.log >&2 || true
    exit 1
fi
