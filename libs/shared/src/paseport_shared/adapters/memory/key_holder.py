"""A holder of keys that is asked for nothing but their public side."""

from __future__ import annotations

from paseport.clock import Clock
from paseport.paserk import public_key_id

from paseport_shared.adapters.memory.outage import MemoryOutage
from paseport_shared.domain.errors import KeyVersionNotPermitted
from paseport_shared.domain.models.signing_key import HeldKeyVersion
from paseport_shared.domain.ports.randomness import Randomness


class MemoryKeyHolder:
    """A ``KeyHolder`` whose public keys nobody has a private key for. It begins with version 1.

    Unless it ``permits`` it, only ``rotate`` makes versions, as with the rights that an issuer has in Vault.
    """

    def __init__(
        self, clock: Clock, randomness: Randomness, outage: MemoryOutage | None = None, *, permits: bool = True
    ) -> None:
        self._clock = clock
        self._randomness = randomness
        self._outage = outage or MemoryOutage()
        self._versions: list[HeldKeyVersion] = []
        self._newest = 0
        self.permits = permits
        self.rotate()

    def rotate(self) -> HeldKeyVersion:
        """Make a new version, as an operator does."""
        public_key = self._randomness.token_bytes(32)
        self._newest += 1
        version = self._newest
        self._versions.append(HeldKeyVersion(version, public_key_id(public_key), public_key, self._clock.now()))
        return self._versions[-1]

    def forget(self) -> None:
        """Lose every version. The next one does not get the number of one that was."""
        self._versions.clear()

    async def versions(self) -> tuple[HeldKeyVersion, ...]:
        """See ``KeyHolder.versions``."""
        self._outage.check()
        return tuple(self._versions)

    async def create_version(self) -> HeldKeyVersion:
        """See ``KeyHolder.create_version``."""
        self._outage.check()
        if not self.permits:
            raise KeyVersionNotPermitted("rotate the key in memory")
        return self.rotate()
