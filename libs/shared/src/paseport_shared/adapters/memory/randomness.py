"""Randomness that can be repeated."""

from __future__ import annotations

import hashlib


class SeededRandomness:
    """``Randomness`` for tests: the same seed gives the same bytes. Anybody can predict it, so nothing else uses it."""

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self._draws = 0

    def token_bytes(self, size: int) -> bytes:
        """Return the next ``size`` bytes of the sequence."""
        self._draws += 1
        return hashlib.shake_256(f"{self._seed}:{self._draws}".encode()).digest(size)
