# Vault as the compose file runs it: one node with integrated storage in a folder. It starts sealed, and somebody has to
# unseal it after each start; in production run three nodes and an auto-unseal
# (https://developer.hashicorp.com/vault/docs/concepts/seal).
storage "raft" {
  path    = "/vault/file"
  node_id = "vault"
}

# Without TLS, because nothing but the issuer shares vault-net with it, on one machine. Across machines: a certificate
# here, https in VAULT_URL, and no VAULT_ALLOW_HTTP.
listener "tcp" {
  address                  = "0.0.0.0:8200"
  cluster_address          = "127.0.0.1:8201"
  tls_disable              = true
  max_request_size         = 1048576
  max_request_duration     = "10s"
  http_read_header_timeout = "5s"
}

api_addr     = "http://vault:8200"
cluster_addr = "https://127.0.0.1:8201"

# Memory is kept out of the swap by the container's limits (memswap_limit), since it has no right to lock it.
disable_mlock = true
ui            = false
