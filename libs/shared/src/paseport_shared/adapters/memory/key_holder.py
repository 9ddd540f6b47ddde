"""A holder of keys that is asked for nothing but their public side."""

from __future__ import annotations

from paseport.clock import Clock
from paseport.paserk import public_key_id

from paseport_shared.adapters.memory.outage import MemoryOutage
from paseport_shared.domain.models.signing_key import HeldKeyVersion
from paseport_shared.domain.ports.randomness import Randomness


class MemoryKeyHolder:
    """A ``KeyHolder`` whose public keys nobody has a private key for. It begins with version 1."""

    def __init__(self, clock: Clock, randomness: Randomness, outage: MemoryOutage | None = None) -> None:
        self._clock = clock
        self._randomness = randomness
        self._outage = outage or MemoryOutage()
        self._versions: list[HeldKeyVersion] = []
        self.rotate()

    def rotate(self) -> None:
        """Make a new version, as an operator does."""
        public_key = self._randomness.token_bytes(32)
        version = len(self._versions) + 1
        self._versions.append(HeldKeyVersion(version, public_key_id(public_key), public_key, self._clock.now()))

    async def versions(self) -> tuple[HeldKeyVersion, ...]:
        """See ``KeyHolder.versions``."""
        self._outage.check()
        return tuple(self._versions)
