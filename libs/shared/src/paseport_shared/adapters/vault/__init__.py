"""Signatures by HashiCorp Vault Transit: no private key comes near this process."""
