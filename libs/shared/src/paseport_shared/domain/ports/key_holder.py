"""Who holds the private keys."""

from __future__ import annotations

from typing import Protocol

from paseport_shared.domain.models.signing_key import HeldKeyVersion


class KeyHolder(Protocol):
    """The public side of one key whose private side stays where it is."""

    async def versions(self) -> tuple[HeldKeyVersion, ...]:
        """Return every version that exists there, oldest first; at least one.

        Raises ``Unavailable`` when the holder does not answer, has no such key, or answers something else than keys.
        """
        ...
