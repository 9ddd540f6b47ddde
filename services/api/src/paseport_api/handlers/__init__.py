"""The api over HTTP."""
