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

    async def create_version(self) -> HeldKeyVersion:
        """Make a new version, the newest from then on, and return it. It signs nothing until somebody asks it to.

        A call whose answer is lost may have made one. Raises ``KeyVersionNotPermitted`` where the holder leaves that to
        an operator, and ``Unavailable``.
        """
        ...
