"""When a store in memory looks for entries that have expired."""

from __future__ import annotations

from typing import Final

_SMALLEST: Final = 1024


class TidyingPace:
    """Asks for a sweep each time a collection has doubled since the last one.

    So a sweep costs a constant amount per entry added, and what has expired never outweighs what lives.
    """

    def __init__(self) -> None:
        self._due_at = _SMALLEST

    def is_due(self, size: int) -> bool:
        """Say whether a collection of ``size`` entries should be swept before it grows."""
        return size >= self._due_at

    def swept(self, size: int) -> None:
        """Note that a sweep left ``size`` entries."""
        self._due_at = max(_SMALLEST, 2 * size)
