"""A provider says that a session there has ended (OpenID Connect Back-Channel Logout 1.0)."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Final

from paseport.clock import Clock
from paseport_shared.domain.errors import ProviderAnswerRefused, TooManyAttempts
from paseport_shared.domain.models.identity_provider import IdentityProvider
from paseport_shared.domain.models.linked_identity import LinkedIdentity
from paseport_shared.domain.models.session import Session
from paseport_shared.domain.ports.attempt_limiter import Attempt, AttemptLimiter, Limit
from paseport_shared.domain.ports.record import Record, RecordTransaction
from paseport_shared.domain.ports.session_store import SessionStore
from paseport_shared.domain.ports.upstream import UpstreamLogout, UpstreamProviders

from paseport_issuer.use_cases.caller import Caller
from paseport_issuer.use_cases.find_provider import FindProvider
from paseport_issuer.use_cases.limit_attempts import LimitAttempts
from paseport_issuer.use_cases.revoke_access import RevokeAccess

_ONCE: Final = Limit(1, timedelta(minutes=15))
"""Longer than any logout token is accepted for (§2.6)."""


class EndUpstreamSessions:
    """Ends the sessions that came out of it, and no others: offline access and other providers' sessions stay."""

    def __init__(
        self,
        *,
        find_provider: FindProvider,
        upstream: UpstreamProviders,
        limits: LimitAttempts,
        limiter: AttemptLimiter,
        record: Record,
        sessions: SessionStore,
        revoke: RevokeAccess,
        clock: Clock,
    ) -> None:
        self._find_provider = find_provider
        self._upstream = upstream
        self._limits = limits
        self._limiter = limiter
        self._record = record
        self._sessions = sessions
        self._revoke = revoke
        self._clock = clock

    async def __call__(self, provider_name: str, token: str, caller: Caller) -> None:
        """End what the logout token names. The signed token is the credential; anybody may bring it.

        Raises ``UnknownProvider``, ``ProviderAnswerRefused`` for a token that is not good or was brought before,
        ``ProviderUnavailable``, ``TooManyAttempts`` where an address brings too many that are not, and ``Unavailable``:
        then the provider may try again.
        """
        provider = await self._find_provider.by_name(provider_name)
        try:
            logout = await self._upstream.read_logout_token(provider, token)
        except ProviderAnswerRefused:
            await self._limits.on_refused_credential(caller.address)
            raise
        counter = f"logout-token:{hashlib.sha256(f'{provider.id} {logout.token_id}'.encode()).hexdigest()}"
        try:
            await self._limiter.take([Attempt(counter, _ONCE)], self._clock.now())
        except TooManyAttempts as error:
            raise ProviderAnswerRefused("this logout token was brought before") from error
        try:
            for session in await self._named(provider, logout):
                await self._revoke.session(session, caller.acting_as(str(session.user_id), provider.name))
        except Exception:
            # The provider tries again with the same token.
            await self._limiter.forgive(counter)
            raise

    async def _named(self, provider: IdentityProvider, logout: UpstreamLogout) -> tuple[Session, ...]:
        now = self._clock.now()
        if logout.session_id is not None:
            found = await self._sessions.list_for_upstream(provider.namespace, logout.session_id, now)
        else:
            found = await self._of_subject(provider, logout.subject or "")
        return tuple(
            session
            for session in found
            if session.upstream is not None
            and session.upstream.namespace == provider.namespace
            and logout.subject in (None, session.upstream.subject)
        )

    async def _of_subject(self, provider: IdentityProvider, subject: str) -> tuple[Session, ...]:
        async def read(transaction: RecordTransaction) -> LinkedIdentity | None:
            return await transaction.identities.find(provider.namespace, subject)

        linked = await self._record.transact(read)
        return () if linked is None else await self._sessions.list_for_user(linked.user_id, self._clock.now())
