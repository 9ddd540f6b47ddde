"""What lives in Redis: sessions, refresh families, limits, the revocation feed and the read models."""
