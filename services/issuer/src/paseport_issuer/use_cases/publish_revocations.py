"""Publishing revocations so that this process refuses at once what it revoked itself."""

from __future__ import annotations

from paseport.revocation import FeedPosition, Revocation, SubjectChange
from paseport.revocation_list import RevocationList
from paseport_shared.domain.ports.revocation_publisher import RevocationPublisher


class PublishRevocations:
    """A ``RevocationPublisher`` that also fills the issuer's own copy, for its relay and its own routes."""

    def __init__(self, publisher: RevocationPublisher, revocations: RevocationList) -> None:
        self._publisher = publisher
        self._revocations = revocations

    async def publish(self, revocation: Revocation, *more: Revocation) -> FeedPosition:
        """See ``RevocationPublisher.publish``."""
        position = await self._publisher.publish(revocation, *more)
        for one in (revocation, *more):
            self._revocations.learn(one)
        return position

    async def announce(self, change: SubjectChange) -> FeedPosition:
        """See ``RevocationPublisher.announce``."""
        position = await self._publisher.announce(change)
        self._revocations.learn(change)
        return position

    async def epoch(self) -> int:
        """See ``RevocationPublisher.epoch``."""
        return await self._publisher.epoch()

    async def is_complete(self) -> bool:
        """See ``RevocationPublisher.is_complete``."""
        return await self._publisher.is_complete()

    async def mark_complete(self, epoch: int) -> bool:
        """See ``RevocationPublisher.mark_complete``."""
        return await self._publisher.mark_complete(epoch)
