"""Things that wait for a browser to come back, and are good for one time."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol, TypeVar


class Expiring(Protocol):
    """What such a store can hold."""

    @property
    def id(self) -> str:
        """Its unguessable id."""
        ...

    @property
    def created_at(self) -> datetime:
        """When it was made."""
        ...

    @property
    def expires_at(self) -> datetime:
        """From when on it is no good."""
        ...

    def is_live(self, now: datetime) -> bool:
        """Say whether it is still good."""
        ...


Held = TypeVar("Held", bound=Expiring)


class SingleUseStore(Protocol[Held]):
    """Things of one kind under their ids. Expiry is decided with ``now``.

    Every method raises ``Unavailable`` when the store does not answer. What a failover loses is begun again by its
    browser, so nothing here waits for a replica.
    """

    async def put(self, held: Held) -> None:
        """Store a new thing."""
        ...

    async def find(self, held_id: str, now: datetime) -> Held | None:
        """Return it while it is live, and leave it there; else None."""
        ...

    async def consume(self, held_id: str, now: datetime) -> Held | None:
        """Remove it and return it while it is live; of concurrent callers one gets it, the others None."""
        ...
