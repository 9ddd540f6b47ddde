"""A fake issuer for the tests of downstream teams (``plugin``), and the real services that our own tests start."""
