"""The protected API: verifies tokens and enforces roles; it never holds a signing right."""
