# What the issuer may do, and nothing else: no private key is ever read (none is exportable), no key is made, rotated or
# removed. The api has no policy, no role and no way to Vault at all.

# Access tokens (Ed25519). The request names the key version.
path "transit/sign/paseport-access" {
  capabilities = ["update"]
}

path "transit/verify/paseport-access" {
  capabilities = ["update"]
}

path "transit/keys/paseport-access" {
  capabilities = ["read"]
}

# ID tokens (RS256).
path "transit/sign/paseport-id" {
  capabilities = ["update"]
}

path "transit/sign/paseport-id/sha2-256" {
  capabilities = ["update"]
}

path "transit/verify/paseport-id" {
  capabilities = ["update"]
}

path "transit/keys/paseport-id" {
  capabilities = ["read"]
}

# Secrets that have to be read again: those of upstream identity providers, second factors.
path "transit/encrypt/paseport-data" {
  capabilities = ["update"]
}

path "transit/decrypt/paseport-data" {
  capabilities = ["update"]
}

# Its own token.
path "auth/token/lookup-self" {
  capabilities = ["read"]
}

path "auth/token/renew-self" {
  capabilities = ["update"]
}
