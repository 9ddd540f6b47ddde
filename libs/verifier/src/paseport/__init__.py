"""Verify Paseport access tokens without asking anyone: token grammar, keys, signatures, claims."""
