#!/bin/sh
# Make every secret that docker-compose.yml needs, once: docker/secrets (files 0600), docker/data, docker/.env.
#
# What exists is kept and never overwritten: a new refresh key ends all sessions, a new pepper makes every password
# wrong. To start over, delete docker/secrets and docker/data together, and know what is lost.
set -eu
umask 077
cd "$(dirname "$0")"

say() { echo "make-secrets.sh: $*"; }
command -v openssl > /dev/null || { say "needs openssl"; exit 1; }

mkdir -p secrets secrets/vault secrets/rauthy-bootstrap data
for folder in mariadb redis-1 redis-2 redis-3 sentinel-1 sentinel-2 sentinel-3 vault vault-trial rauthy; do
    mkdir -p "data/$folder"
done

# Write standard input to a new file, whole or not at all.
put() {
    cat > "secrets/$1.new"
    [ -s "secrets/$1.new" ] || { say "nothing was made for $1"; exit 1; }
    mv "secrets/$1.new" "secrets/$1"
    say "made $1"
}

is_missing() { [ ! -e "secrets/$1" ]; }

# 48 random bytes in base64: for keys that Paseport itself uses.
key() { if is_missing "$1"; then openssl rand -base64 48 | tr -d '\n' | put "$1"; fi; }
# 40 letters and digits: for passwords that go through configuration files and URLs.
password() { if is_missing "$1"; then openssl rand -hex 20 | tr -d '\n' | put "$1"; fi; }
url() { if is_missing "$1"; then printf 'mariadb://%s:%s@mariadb:3306/paseport' "$2" "$(cat "secrets/$3")" | put "$1"; fi; }

for name in refresh_key password_pepper api_key_pepper service_secret bff_client_secret; do key "$name"; done
for user in operator replica sentinel peer client issuer api verifier; do password "redis_${user}_password"; done
for user in root service migration; do password "mariadb_${user}_password"; done
password admin_password
url mariadb_url paseport mariadb_service_password
url mariadb_migration_url paseport_migrate mariadb_migration_password

# --- certificates for trying it: an authority of one's own, for names that mean this machine ------------------------------

certificate() {
    is_missing "$1_certificate.pem" || return 0
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$2" \
        -keyout "secrets/$1_key.pem" -out "secrets/$1.csr" 2> /dev/null
    printf 'subjectAltName=%s\nbasicConstraints=CA:FALSE\nkeyUsage=digitalSignature\nextendedKeyUsage=serverAuth\n' "$3" > "secrets/$1.ext"
    openssl x509 -req -in "secrets/$1.csr" -CA secrets/ca_certificate.pem -CAkey secrets/ca_key.pem -CAcreateserial \
        -days 365 -extfile "secrets/$1.ext" 2> /dev/null | put "$1_certificate.pem"
    rm -f "secrets/$1.csr" "secrets/$1.ext"
}

if is_missing ca_certificate.pem; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj "/CN=Paseport on this machine" \
        -addext basicConstraints=critical,CA:TRUE,pathlen:0 -addext keyUsage=critical,keyCertSign,cRLSign \
        -keyout secrets/ca_key.pem 2> /dev/null | put ca_certificate.pem
fi
certificate edge localhost "DNS:localhost,IP:127.0.0.1"
certificate rauthy idp.localhost "DNS:idp.localhost"

# --- the sample identity provider ------------------------------------------------------------------------------------------

password rauthy_user_password
# Rauthy takes no client secret of fewer than 64 characters.
if is_missing rauthy_client_secret; then openssl rand -hex 32 | tr -d '\n' | put rauthy_client_secret; fi

if is_missing rauthy.toml; then
    key_id=$(openssl rand -hex 4)
    put rauthy.toml << TOML
[bootstrap]
admin_email = "admin@localhost"
password_plain = "$(openssl rand -base64 18)"

[cluster]
node_id = 1
nodes = ["1 localhost:8100 localhost:8200"]
secret_raft = "$(openssl rand -hex 24)"
secret_api = "$(openssl rand -hex 24)"

[encryption]
keys = ["$key_id/$(openssl rand -base64 32)"]
key_active = "$key_id"

[events]
email = "admin@localhost"

[http_client]
root_ca_bundle = """
$(cat secrets/ca_certificate.pem)
"""

[mfa]
admin_force_mfa = false

[server]
scheme = "https"
pub_url = "idp.localhost:8090"

[tls]
cert_path = "tls/tls.crt"
key_path = "tls/tls.key"

[webauthn]
rp_id = "idp.localhost"
rp_origin = "https://idp.localhost:8090"
TOML
fi

# What it knows when it starts for the first time, and never reads again: Paseport as a client, and somebody to sign in as.
if [ -e .env ]; then settings=.env; else settings=.env.example; fi
origin=$(sed -n 's/^PASEPORT_PUBLIC_ORIGIN=//p' "$settings")

if is_missing rauthy-bootstrap/groups.json; then
    put rauthy-bootstrap/groups.json << JSON
[{"name": "staff"}]
JSON
fi
if is_missing rauthy-bootstrap/users.json; then
    put rauthy-bootstrap/users.json << JSON
[
  {
    "email": "member@company.example",
    "preferred_username": "member",
    "given_name": "Member",
    "family_name": "Example",
    "password": {"Plain": "$(cat secrets/rauthy_user_password)"},
    "roles": ["user"],
    "groups": ["staff"],
    "enabled": true,
    "email_verified": true
  }
]
JSON
fi
if is_missing rauthy-bootstrap/clients.json; then
    put rauthy-bootstrap/clients.json << JSON
[
  {
    "id": "paseport",
    "name": "Paseport",
    "secret": {"Plain": "$(cat secrets/rauthy_client_secret)"},
    "redirect_uris": ["$origin/auth/v1/oauth/callback/rauthy"],
    "post_logout_redirect_uris": ["$origin/signed-out"],
    "backchannel_logout_uri": "$origin/auth/v1/oauth/backchannel-logout/rauthy",
    "enabled": true,
    "flows_enabled": ["authorization_code"],
    "access_token_alg": "EdDSA",
    "id_token_alg": "EdDSA",
    "auth_code_lifetime": 60,
    "access_token_lifetime": 300,
    "scopes": ["openid", "profile", "email", "groups"],
    "default_scopes": ["openid"],
    "challenges": ["S256"],
    "force_mfa": false
  }
]
JSON
fi

# --- who owns all this ---------------------------------------------------------------------------------------------------

# The containers run as the owner of these files, so that nobody else has to be able to read them. Never as root.
uid=$(id -u)
gid=$(id -g)
if [ "$uid" = 0 ]; then
    uid=10001
    gid=10001
    chown -R "$uid:$gid" secrets data
fi
if [ -e .env ]; then
    say "kept .env"
else
    sed -e "s/^PASEPORT_UID=.*/PASEPORT_UID=$uid/" -e "s/^PASEPORT_GID=.*/PASEPORT_GID=$gid/" .env.example > .env
    say "made .env from .env.example"
fi
say "docker/secrets is complete"
