"""Signing out from afar: one browser, one device, or everything."""

from __future__ import annotations

from paseport.clock import Clock
from paseport_shared.domain.errors import NotFound
from paseport_shared.domain.models.identifiers import is_id128
from paseport_shared.domain.ports.refresh_token_store import RefreshTokenStore
from paseport_shared.domain.ports.session_store import SessionStore

from paseport_issuer.use_cases.account_holder import AccountHolder
from paseport_issuer.use_cases.revoke_access import RevokeAccess


class EndOwnAccess:
    """Ends what is the holder's own, with its access tokens. Needs no database (design §5).

    Every method may be repeated: where nothing is left there is nothing to do. Ids are 128 random bits, so it tells
    nobody anything that somebody else's is refused. Raises ``Unavailable``: then it is not done, or not for certain.
    """

    def __init__(
        self, *, sessions: SessionStore, families: RefreshTokenStore, revoke: RevokeAccess, clock: Clock
    ) -> None:
        self._sessions = sessions
        self._families = families
        self._revoke = revoke
        self._clock = clock

    async def session(self, session_id: str, holder: AccountHolder) -> None:
        """End one session. Raises ``NotFound`` for somebody else's, and for text that is no id."""
        _check_id(session_id)
        session = await self._sessions.find(session_id, self._clock.now())
        if session is None:
            # Perhaps an earlier try removed it and could not be confirmed. Removing nothing is confirmed with it.
            await self._sessions.end(session_id)
            return
        if session.user_id != holder.user_id:
            raise NotFound("the session is somebody else's")
        await self._revoke.session(session, holder.actor)

    async def device(self, family_id: str, holder: AccountHolder) -> None:
        """End one offline family. Raises ``NotFound`` for somebody else's, for a session's, and for what is no id."""
        _check_id(family_id)
        family = await self._families.find_family(family_id, self._clock.now())
        if family is None:
            await self._families.revoke_family(family_id)  # confirms an earlier try, as above
            return
        if family.user_id != holder.user_id or family.session_id is not None:
            raise NotFound("the family is somebody else's, or ends with its session")
        await self._revoke.family(family.user_id, family.id, holder.actor, "device.ended")

    async def everything(self, holder: AccountHolder) -> None:
        """End all sessions and devices, the one that asks included."""
        await self._revoke.everything_of(holder.user_id, holder.actor)


def _check_id(text: str) -> None:
    if not is_id128(text):
        raise NotFound("not an id of a session or family")
