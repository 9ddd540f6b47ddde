"""BLAKE3, for credentials that another system handed out. Nothing of ours is hashed with it."""
