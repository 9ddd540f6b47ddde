"""The policy file: YAML, read by line, and read again whenever it changes."""
