"""Signing out: here, or everywhere."""

from __future__ import annotations

from dataclasses import dataclass

from paseport.clock import Clock
from paseport.secret import Secret
from paseport_shared.domain.models.client import Client
from paseport_shared.domain.models.linked_identity import UpstreamSession
from paseport_shared.domain.models.refresh_token import RefreshTokenKey, parse_refresh_token
from paseport_shared.domain.models.session import Session, parse_session_cookie
from paseport_shared.domain.ports.refresh_token_store import RefreshTokenStore
from paseport_shared.domain.ports.session_store import SessionStore

from paseport_issuer.use_cases.caller import Caller
from paseport_issuer.use_cases.revoke_access import RevokeAccess


@dataclass(frozen=True, slots=True)
class EndSessionCommand:
    """Sign-out of a browser: what its cookies hold. ``everywhere`` ends all of the user's sessions and families."""

    session_cookie: Secret[str] | None
    refresh_token: Secret[str] | None
    everywhere: bool
    client: Client
    caller: Caller


class EndSession:
    """Idempotent: where there is no session any more there is nothing left to do."""

    def __init__(
        self,
        *,
        sessions: SessionStore,
        families: RefreshTokenStore,
        refresh_key: RefreshTokenKey,
        revoke: RevokeAccess,
        clock: Clock,
    ) -> None:
        self._sessions = sessions
        self._families = families
        self._refresh_key = refresh_key
        self._revoke = revoke
        self._clock = clock

    async def __call__(self, command: EndSessionCommand) -> UpstreamSession | None:
        """End the session, and return the one at an identity provider that it came out of.

        Raises ``Unavailable``: then sign-out is not done and the cookies stay for another try.
        """
        upstream = None
        # Both cookies usually name one session. Where they do not, a browser that signs out holds neither any more.
        named = [await self._by_cookie(command), await self._by_refresh_token(command)]
        for session in {session.id: session for session in named if session is not None}.values():
            actor = command.caller.acting_as(str(session.user_id), command.client.client_id)
            if command.everywhere:
                await self._revoke.everything_of(session.user_id, actor)
            else:
                await self._revoke.session(session, actor)
            upstream = upstream or session.upstream
        return upstream

    async def _by_cookie(self, command: EndSessionCommand) -> Session | None:
        cookie = parse_session_cookie(command.session_cookie) if command.session_cookie else None
        if cookie is None:
            return None
        session = await self._sessions.find(cookie.session_id, self._clock.now())
        if session is None:
            # Perhaps an earlier try removed it and could not be confirmed. Removing nothing is confirmed with it.
            await self._sessions.end(cookie.session_id)
            return None
        return session if session.is_held_by(cookie) else None

    async def _by_refresh_token(self, command: EndSessionCommand) -> Session | None:
        """Find the session through a genuine token of any generation: a browser may have lost the other cookie."""
        presented = parse_refresh_token(command.refresh_token) if command.refresh_token else None
        if presented is None:
            return None
        now = self._clock.now()
        family = await self._families.find_family(presented.family_id, now)
        if family is None:
            await self._families.revoke_family(presented.family_id)  # confirms an earlier try, as above
            return None
        if family.session_id is None or not self._refresh_key.fits(presented, family):
            return None
        return await self._sessions.find(family.session_id, now)
