"""Signing keys in a local file: what the embedded mode has instead of Vault."""
