"""Starts the real services for tests, measurements and the local production topology; for downstream teams, later."""
