"""Access tokens as PASETO v4.public, and the key document that verifies them."""
