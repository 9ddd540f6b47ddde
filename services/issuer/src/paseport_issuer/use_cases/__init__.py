"""What the issuer does, one use case a file."""
