"""Randomness."""

from __future__ import annotations

from typing import Protocol


class Randomness(Protocol):
    """Where every secret and id comes from."""

    def token_bytes(self, size: int) -> bytes:
        """Return ``size`` unpredictable bytes."""
        ...
