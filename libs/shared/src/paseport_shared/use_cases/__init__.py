"""Use cases that both services run: authenticating a bearer token and following revocations."""
