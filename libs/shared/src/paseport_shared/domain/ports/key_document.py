"""The published verification keys."""

from __future__ import annotations

from typing import Protocol


class KeyDocument(Protocol):
    """``/.well-known/paserk.json`` (design §3)."""

    async def render(self) -> bytes:
        """Return the document, the last one known while the keys do not answer.

        Raises ``Unavailable`` when it was never read.
        """
        ...
