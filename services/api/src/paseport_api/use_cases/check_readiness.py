"""Whether the api can decide about a token."""

from __future__ import annotations

from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.models.service_reading import Part
from paseport_shared.domain.ports.role_directory import RoleDirectory
from paseport_shared.domain.revocation_list import STALE_AFTER_SECONDS, RevocationList


class CheckReadiness:
    """Names the parts that every decision needs. The issuer is none: without it known callers are still let in."""

    def __init__(self, revocations: RevocationList, roles: RoleDirectory) -> None:
        self._revocations = revocations
        self._roles = roles

    async def __call__(self) -> tuple[Part, ...]:
        """Return each part and whether it is up; never raises ``Unavailable``."""
        return (self._feed(), await self._directory())

    def _feed(self) -> Part:
        age = self._revocations.state().age_seconds
        is_up = age is not None and age <= STALE_AFTER_SECONDS
        return Part("revocation_feed", is_up, None if is_up else "Nothing was heard of the revocation feed lately.")

    async def _directory(self) -> Part:
        try:
            is_complete = await self._roles.is_complete()
        except Unavailable:
            return Part("role_directory", is_up=False, detail="The role directory does not answer.")
        return Part("role_directory", True, None if is_complete else "Still being filled; the issuer is asked instead.")
