"""Telling every verifier what was revoked."""

from __future__ import annotations

from typing import Protocol

from paseport.revocation import FeedPosition, Revocation, SubjectChange


class RevocationPublisher(Protocol):
    """The issuer's end of the feed. Every method raises ``Unavailable`` when the feed does not answer.

    A feed begins a new epoch when it may have lost something: at its first use, with each new primary, after it was
    emptied. It is incomplete then, and gives no snapshot, until an issuer has published again what is in force and
    called ``mark_complete``.
    """

    async def publish(self, revocation: Revocation, *more: Revocation) -> FeedPosition:
        """Put revocations in force, as many at once as there are, and return the position that includes them.

        Publishing what is in force already is harmless. Raises ``Unavailable`` when that could not be confirmed: any
        of them may be in force then.
        """
        ...

    async def announce(self, change: SubjectChange) -> FeedPosition:
        """Tell every verifier that its copy of a subject is old; return the position that includes it.

        Call it when the new state can be read. Raises ``Unavailable`` when that could not be confirmed.
        """
        ...

    async def epoch(self) -> int:
        """Return the current epoch, begun now where the feed may have lost something."""
        ...

    async def is_complete(self) -> bool:
        """Say whether the current epoch was filled."""
        ...

    async def mark_complete(self, epoch: int) -> bool:
        """Declare that everything in force was published in ``epoch``; False, and no effect, in any later one."""
        ...
