#!/bin/sh
# Set a Vault up for Paseport: Transit, three keys, the issuer's policy and its AppRole. Safe to repeat.
#
# VAULT_ADDR and VAULT_TOKEN name the Vault and somebody who may do this (an administrator, once).
# Prints nothing secret. The role id and a new secret id go to the folder that is given, 0600:
#
#     setup.sh FOLDER        FOLDER/vault_role_id, FOLDER/vault_secret_id
set -eu
umask 077

out=${1:?usage: setup.sh FOLDER}
here=$(dirname "$0")
role=paseport-issuer

say() { echo "setup.sh: $*"; }

# `vault secrets list` and `vault auth list` print tables; the first column ends with a slash.
has() { vault "$1" list | grep -q "^$2/ "; }

has secrets transit || vault secrets enable transit > /dev/null

make_key() {
    if vault read -field=type "transit/keys/$1" > /dev/null 2>&1; then
        kind=$(vault read -field=type "transit/keys/$1")
        [ "$kind" = "$2" ] || { say "transit/keys/$1 exists and is $kind, not $2"; exit 1; }
        say "$1 is there"
    else
        # Never in clear outside Vault, not even in a backup by name.
        vault write -f "transit/keys/$1" type="$2" exportable=false allow_plaintext_backup=false > /dev/null
        say "made $1 ($2)"
    fi
    # Paseport rotates: a version is published long before it signs. A rotation by Vault would sign at once.
    vault write "transit/keys/$1/config" deletion_allowed=false auto_rotate_period=0 > /dev/null
}

make_key paseport-access ed25519
make_key paseport-id rsa-2048
make_key paseport-data aes256-gcm96

vault policy write "$role" "$here/issuer-policy.hcl" > /dev/null
say "wrote the policy $role"

has auth approle || vault auth enable approle > /dev/null
# A token lives an hour and is renewed; after a day the issuer signs in again. `token_no_default_policy`: it may do what
# the policy says and nothing more.
vault write "auth/approle/role/$role" token_policies="$role" token_no_default_policy=true \
    token_ttl=1h token_max_ttl=24h token_type=service secret_id_ttl=0 secret_id_num_uses=0 > /dev/null
vault read -field=role_id "auth/approle/role/$role/role-id" > "$out/vault_role_id"
vault write -f -field=secret_id "auth/approle/role/$role/secret-id" > "$out/vault_secret_id"
say "wrote vault_role_id and vault_secret_id to $out"
