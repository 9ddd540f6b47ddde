"""Starts the real services natively, or in containers: one module per service, all on loopback, ended by process id."""
