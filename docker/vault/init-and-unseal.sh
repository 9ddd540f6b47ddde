#!/bin/sh
# FOR TRYING PASEPORT ONLY. Initialises Vault with a single unseal key, keeps that key and the root token in a file
# beside it, unseals, and runs setup.sh. Whoever reads the file owns every signing key: a production Vault has several
# key holders or an auto-unseal, and no root token at all.
#
# Repeat it after each start of Vault: it then only unseals. VAULT_ADDR names the Vault.
#
#     init-and-unseal.sh STATE_FOLDER SECRETS_FOLDER
set -eu
umask 077

state=${1:?usage: init-and-unseal.sh STATE_FOLDER SECRETS_FOLDER}
out=${2:?usage: init-and-unseal.sh STATE_FOLDER SECRETS_FOLDER}
here=$(dirname "$0")
file=$state/trial-unseal-key-and-root-token.txt

say() { echo "init-and-unseal.sh: $*"; }

# 0: unsealed, 2: sealed, anything else: not there yet.
seal_status() { code=0; vault status > /dev/null 2>&1 || code=$?; echo "$code"; }

tries=30
while [ "$(seal_status)" = 1 ]; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || { say "no Vault answers at ${VAULT_ADDR:-VAULT_ADDR, which is not set}"; exit 1; }
    sleep 1
done

if vault status | grep -q '^Initialized *false'; then
    say "a new Vault: initialising it with one unseal key (for trying only)"
    vault operator init -key-shares=1 -key-threshold=1 > "$file"
fi
[ -s "$file" ] || { say "this Vault was initialised by somebody else: unseal it with their keys"; exit 1; }

if [ "$(seal_status)" = 2 ]; then
    # Not as an argument: the list of processes is for everybody.
    sed -n 's/^Unseal Key 1: //p' "$file" | tr -d '\n' | vault write -f sys/unseal key=- > /dev/null
    say "unsealed"
fi

VAULT_TOKEN=$(sed -n 's/^Initial Root Token: //p' "$file")
export VAULT_TOKEN
if [ -s "$out/vault_role_id" ] && [ -s "$out/vault_secret_id" ]; then
    say "the issuer's AppRole is there already"
else
    sh "$here/setup.sh" "$out"
fi
