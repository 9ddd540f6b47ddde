"""The operating system's random generator."""

from __future__ import annotations

import secrets


class SystemRandomness:
    """``Randomness`` of the operating system (``getrandom``)."""

    def token_bytes(self, size: int) -> bytes:
        """Return ``size`` unpredictable bytes."""
        return secrets.token_bytes(size)
