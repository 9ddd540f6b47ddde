"""Secrets that have to be read again."""

from __future__ import annotations

from typing import Protocol

from paseport.secret import Secret


class DataCipher(Protocol):
    """Authenticated encryption under a key that the record does not have."""

    async def seal(self, plain: Secret[str], *, purpose: str, owner: str) -> str:
        """Return text, at most four times as long plus 200 characters, from which only ``open`` gets it back.

        ``purpose`` and ``owner`` are bound to it: what was sealed for one row cannot be moved to another. Raises
        ``Unavailable``.
        """
        ...

    async def open(self, sealed: str, *, purpose: str, owner: str) -> Secret[str]:
        """Return what was sealed for this purpose and owner.

        Raises ``Unavailable`` when the key does not answer, and where the text was changed, moved, or sealed under a
        key that is not there any more: whoever relies on the secret cannot go on in either case.
        """
        ...
