"""Rotating refresh tokens (RFC 9700 §4.14.2, design §3)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from paseport.clock import Clock
from paseport.find_subject import FindSubject
from paseport.secret import Secret
from paseport_shared.domain.errors import GrantRefusal, InvalidGrant
from paseport_shared.domain.models.client import Client
from paseport_shared.domain.models.refresh_token import (
    PresentedToken,
    RefreshFamily,
    RefreshPolicy,
    RefreshTokenKey,
    Rotation,
    judge,
    parse_refresh_token,
)
from paseport_shared.domain.ports.refresh_token_store import RefreshTokenStore
from paseport_shared.domain.ports.session_store import SessionStore

from paseport_issuer.use_cases.caller import Caller
from paseport_issuer.use_cases.issue_tokens import IssuedTokens
from paseport_issuer.use_cases.new_family import grant_of
from paseport_issuer.use_cases.requested_access import narrowed
from paseport_issuer.use_cases.revoke_access import RevokeAccess
from paseport_issuer.use_cases.sign_access_token import SignAccessToken


@dataclass(frozen=True, slots=True)
class RefreshCommand:
    """A refresh token presented by a client that authenticated as ``client``."""

    token: Secret[str]
    client: Client
    caller: Caller
    scope: str | None = None
    """The part of the granted scope that the access token shall have (RFC 6749 §6); None for all of it."""


class RefreshTokens:
    """Read, check, sign, then advance: a bad token costs no signature, and an outage consumes nothing."""

    def __init__(
        self,
        *,
        families: RefreshTokenStore,
        sessions: SessionStore,
        find_subject: FindSubject,
        sign: SignAccessToken,
        revoke: RevokeAccess,
        refresh_key: RefreshTokenKey,
        policy: RefreshPolicy,
        clock: Clock,
    ) -> None:
        self._families = families
        self._sessions = sessions
        self._find_subject = find_subject
        self._sign = sign
        self._revoke = revoke
        self._refresh_key = refresh_key
        self._policy = policy
        self._clock = clock

    async def __call__(self, command: RefreshCommand) -> IssuedTokens:
        """Return a fresh access token and the successor of the presented refresh token.

        Within the grace the predecessor gets the same successor again. Raises ``InvalidGrant`` whatever is wrong
        (a reused token also kills its family), ``InvalidScope`` for more scope than was granted, and ``Unavailable``
        with nothing consumed.
        """
        presented = parse_refresh_token(command.token)
        if presented is None:
            raise InvalidGrant("not a refresh token", GrantRefusal.UNKNOWN)
        family = await self._genuine_family(presented, command)
        await self._check_subject(family)
        await self._check_session(family)
        await self._refuse_spent(family, presented, command)

        grant = grant_of(family)
        if command.scope is not None:
            grant = replace(grant, scope=narrowed(family.scope, command.scope))
        access_token = await self._sign(command.client, grant)
        advance = await self._families.advance(family.id, presented.generation, self._clock.now())
        if advance.rotation.is_exchange:
            successor = self._refresh_key.token(family, advance.generation)
            return IssuedTokens(access_token, successor, rotation=advance.rotation)
        # Another presentation came in between; what it left decides.
        if advance.rotation is Rotation.REUSE:
            await self._kill(family, command)
        raise _refused(advance.rotation, family)

    async def _genuine_family(self, presented: PresentedToken, command: RefreshCommand) -> RefreshFamily:
        client = command.client
        family = await self._families.find_family(presented.family_id, self._clock.now())
        if family is None:
            raise InvalidGrant("unknown or expired family", GrantRefusal.GONE)
        if not self._refresh_key.fits(presented, family):
            raise InvalidGrant("forged refresh token", GrantRefusal.UNKNOWN)
        if family.client_id != client.client_id:
            # The family lives: a stranger must not be able to end somebody's session (TE-10).
            await self._revoke.presented_by_stranger(
                family, command.caller.acting_as(client.client_id, client.client_id)
            )
            raise InvalidGrant(f"client {client.client_id} presented a token of {family.client_id}")
        return family

    async def _check_subject(self, family: RefreshFamily) -> None:
        state = await self._find_subject(family.user_id)
        if state is None or not state.enabled or state.version != family.user_version:
            raise InvalidGrant("the user was disabled, deleted or given a new password")

    async def _check_session(self, family: RefreshFamily) -> None:
        if family.session_id is not None and not await self._sessions.touch(family.session_id, self._clock.now()):
            raise InvalidGrant("the session has ended")

    async def _refuse_spent(self, family: RefreshFamily, presented: PresentedToken, command: RefreshCommand) -> None:
        """Refuse before signing what the family read just now refuses already."""
        rotation = judge(family, presented.generation, self._clock.now(), self._policy.grace)
        if rotation is Rotation.REUSE:
            await self._kill(family, command)
        if rotation in (Rotation.REUSE, Rotation.LATE):
            raise _refused(rotation, family)

    async def _kill(self, family: RefreshFamily, command: RefreshCommand) -> None:
        actor = command.caller.acting_as(str(family.user_id), command.client.client_id)
        await self._revoke.reused_family(family, actor)


def _refused(rotation: Rotation, family: RefreshFamily) -> InvalidGrant:
    return InvalidGrant(f"{rotation.value} of family {family.id}", GrantRefusal(rotation.value))
