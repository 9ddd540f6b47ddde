"""Callers who were signed in by an identity provider and bring its access token instead of one of ours."""

from __future__ import annotations

from typing import Final

from paseport.claims import Claims
from paseport.principal import Principal
from paseport_shared.domain.errors import (
    IdentityNotLinked,
    InvalidToken,
    ProviderAnswerRefused,
    ProviderUnavailable,
    Unavailable,
)
from paseport_shared.domain.models.identity_provider import IdentityProvider
from paseport_shared.domain.models.linked_identity import LinkedIdentity
from paseport_shared.domain.models.roles import ADMIN
from paseport_shared.domain.models.user import User
from paseport_shared.domain.ports.record import Record, RecordTransaction
from paseport_shared.domain.ports.upstream import UpstreamCaller, UpstreamProviders

from paseport_issuer.use_cases.caller import Caller
from paseport_issuer.use_cases.find_provider import FindProvider
from paseport_issuer.use_cases.limit_attempts import LimitAttempts

_OWN: Final = ("account", "roles")
_EVERYBODYS: Final = ("admin", *_OWN)


class AuthenticateForeignCaller:
    """Maps a provider's access token to the local user whose linked identity it is of. It begins nothing.

    The record is asked each time: what a provider may do, whose an identity is and who is enabled counts now. What it
    makes of a caller is good for the request at hand; which routes take it is for their guard to say.
    """

    def __init__(
        self,
        *,
        find_provider: FindProvider,
        upstream: UpstreamProviders,
        limits: LimitAttempts,
        record: Record,
    ) -> None:
        self._find_provider = find_provider
        self._upstream = upstream
        self._limits = limits
        self._record = record

    async def __call__(self, token: str, caller: Caller) -> Principal:
        """Return the caller.

        Raises ``InvalidToken`` for every token that is not good here and now, ``IdentityNotLinked`` for a good one of
        somebody who is nobody here, ``TooManyAttempts`` where an address brings too many of the former, and
        ``Unavailable`` where the provider or the record does not answer.
        """
        try:
            provider, found = await self._read(token)
        except InvalidToken:
            await self._limits.on_refused_credential(caller.address)
            raise
        return self._principal(provider, found, await self._user(provider, found))

    async def _read(self, token: str) -> tuple[IdentityProvider, UpstreamCaller]:
        """Return the provider that made the token, and what the token says of its bearer."""
        issuer = self._upstream.claimed_issuer(token)
        asked = () if issuer is None else await self._find_provider.enabled()
        reasons = []
        for provider in asked:
            if provider.api_access is None or provider.issuer != issuer:
                continue
            try:
                return provider, await self._upstream.read_access_token(provider, token)
            except ProviderAnswerRefused as refusal:
                # Another registration at the same issuer may have the audience.
                reasons.append(f"{provider.name}: {refusal.reason}")
            except ProviderUnavailable as away:
                raise Unavailable(f"{provider.name}: {away.reason}", away.retry_after) from away
        raise InvalidToken("; ".join(reasons) or "a token of no provider whose tokens are good here")

    async def _user(self, provider: IdentityProvider, found: UpstreamCaller) -> User:
        async def read(transaction: RecordTransaction) -> tuple[LinkedIdentity, User] | None:
            linked = await transaction.identities.find(provider.namespace, found.subject)
            return None if linked is None else (linked, await transaction.users.get(linked.user_id))

        linked = await self._record.transact(read)
        if linked is None:
            raise IdentityNotLinked(f"an identity of {provider.name} that is linked to nobody")
        user = linked[1]
        if user.disabled or user.built_in:
            raise InvalidToken(f"the user of the identity at {provider.name} is disabled or built in")
        return user

    def _principal(self, provider: IdentityProvider, found: UpstreamCaller, user: User) -> Principal:
        """Return the user as a caller. Who administers is said by the provider's group, whatever they hold here."""
        is_admin = provider.api_access is not None and provider.api_access.is_admin(found.groups)
        claims = Claims(
            issuer=provider.issuer or "",
            subject=str(user.id),
            audience="",
            expires_at=found.expires_at,
            not_before=found.issued_at,
            issued_at=found.issued_at,
            token_id="",
            client_id=f"provider:{provider.name}",
            scope=_EVERYBODYS if is_admin else _OWN,
            user_version=user.version,
            auth_time=found.auth_time,
        )
        roles = user.roles | {ADMIN} if is_admin else user.roles - {ADMIN}
        return Principal(claims, user.username, roles)
