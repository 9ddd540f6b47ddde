"""Whether the api can decide about a token."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from paseport.clock import Clock
from paseport.revocation_list import STALE_AFTER_SECONDS, RevocationList
from paseport.subject import SubjectDirectory
from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.models.service_reading import Part
from paseport_shared.domain.ports.reference_clock import ReferenceClock

MAX_SKEW: Final = timedelta(seconds=30)
"""The leeway for ``nbf`` and ``iat``: a clock that is further off refuses good tokens, or accepts expired ones."""
ROLE_DIRECTORY: Final = "role_directory"


class CheckReadiness:
    """Names the parts that decisions need. The issuer is none: without it known callers are still let in."""

    def __init__(
        self,
        revocations: RevocationList,
        roles: SubjectDirectory,
        clock: Clock,
        reference: ReferenceClock | None = None,
    ) -> None:
        self._revocations = revocations
        self._roles = roles
        self._clock = clock
        self._reference = reference
        self._skew = timedelta(0)

    @property
    def skew(self) -> timedelta:
        """How far the own clock was ahead of the reference when it was last compared; zero before that."""
        return self._skew

    async def __call__(self) -> tuple[Part, ...]:
        """Return each part and whether it is up; never raises ``Unavailable``."""
        parts = (self._feed(), await self._directory())
        return parts if self._reference is None else (*parts, await self._own_clock(self._reference))

    async def _own_clock(self, reference: ReferenceClock) -> Part:
        try:
            before = self._clock.now()
            theirs = await reference.time()
            # The answer was true at some moment of the round trip: count the difference from the middle of it.
            self._skew = before + (self._clock.now() - before) / 2 - theirs
        except Unavailable:
            pass  # what was seen last counts until it can be looked at again
        if abs(self._skew) <= MAX_SKEW:
            return Part("clock", is_up=True)
        seconds = round(abs(self._skew).total_seconds())
        direction = "ahead of" if self._skew > timedelta(0) else "behind"
        return Part("clock", is_up=False, detail=f"This machine is {seconds} s {direction} Redis' clock.")

    def _feed(self) -> Part:
        age = self._revocations.state().age_seconds
        is_up = age is not None and age <= STALE_AFTER_SECONDS
        return Part("revocation_feed", is_up, None if is_up else "Nothing was heard of the revocation feed lately.")

    async def _directory(self) -> Part:
        try:
            is_complete = await self._roles.is_complete()
        except Unavailable:
            return Part(ROLE_DIRECTORY, is_up=False, detail="The role directory does not answer.")
        return Part(ROLE_DIRECTORY, True, None if is_complete else "Still being filled; the issuer is asked instead.")
