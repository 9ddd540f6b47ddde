"""Telling a client what a token is worth now (RFC 7662)."""

from __future__ import annotations

from paseport.claims import Claims
from paseport.clock import Clock
from paseport.find_subject import FindSubject
from paseport.revocation_list import RevocationList
from paseport.secret import Secret
from paseport_shared.domain.errors import InvalidClient, InvalidToken
from paseport_shared.domain.models.client import Client
from paseport_shared.domain.models.identifiers import parse_uuid
from paseport_shared.domain.models.refresh_token import RefreshPolicy, judge
from paseport_shared.domain.ports.session_store import SessionStore

from paseport_issuer.use_cases.find_token import FindToken, FoundRefreshToken


class IntrospectToken:
    """Active only for whom it concerns: the client that it was issued to, and owners of its audience (TE-22)."""

    def __init__(
        self,
        *,
        find_token: FindToken,
        sessions: SessionStore,
        find_subject: FindSubject,
        revocations: RevocationList,
        policy: RefreshPolicy,
        clock: Clock,
    ) -> None:
        self._find_token = find_token
        self._sessions = sessions
        self._find_subject = find_subject
        self._revocations = revocations
        self._policy = policy
        self._clock = clock

    async def __call__(self, token: Secret[str], client: Client) -> Claims | FoundRefreshToken | None:
        """Return an active token, None for every other one.

        Raises ``InvalidClient`` for a public client, and ``Unavailable`` when nobody can say.
        """
        if client.is_public:
            raise InvalidClient("a public client may not introspect")
        found = await self._find_token(token)
        if isinstance(found, FoundRefreshToken):
            return found if found.family.client_id == client.client_id and await self._is_live(found) else None
        if found is None or (found.client_id != client.client_id and found.audience not in client.audiences):
            return None
        return found if await self._is_active(found) else None

    async def _is_live(self, found: FoundRefreshToken) -> bool:
        family, now = found.family, self._clock.now()
        if not judge(family, found.presented.generation, now, self._policy.grace).advances:
            return False
        if not await self._is_current(str(family.user_id), family.user_version):
            return False
        return family.session_id is None or await self._sessions.find(family.session_id, now) is not None

    async def _is_active(self, claims: Claims) -> bool:
        try:
            self._revocations.check(claims)
        except InvalidToken:
            return False
        return await self._is_current(claims.subject, claims.user_version)

    async def _is_current(self, subject: str, user_version: int | None) -> bool:
        """Say whether a user may still do what tokens of this version allow; a machine always may."""
        user_id = parse_uuid(subject)
        if user_id is None:
            return True
        state = await self._find_subject(user_id)
        return state is not None and state.enabled and user_version is not None and user_version >= state.version
