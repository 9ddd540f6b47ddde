"""Redis, with Sentinels or without: connections, and what a verifier reads there (extra ``redis``)."""
