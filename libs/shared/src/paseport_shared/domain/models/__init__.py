"""Frozen values the use cases speak: users, sessions, tokens, keys, revocations."""
