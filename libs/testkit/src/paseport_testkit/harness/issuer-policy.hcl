# What the issuer may do: sign with the key of access tokens, check its own signatures, read the public keys, and keep
# its token alive. It never reads a private key (they are not exportable) and has nothing of the other keys.
# docker/vault/issuer-policy.hcl is the same text.
path "transit/sign/paseport-access" {
  capabilities = ["update"]
}

path "transit/verify/paseport-access" {
  capabilities = ["update"]
}

path "transit/keys/paseport-access" {
  capabilities = ["read"]
}

path "auth/token/lookup-self" {
  capabilities = ["read"]
}

path "auth/token/renew-self" {
  capabilities = ["update"]
}
