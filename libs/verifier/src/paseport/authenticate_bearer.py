"""From an access token to the caller it stands for."""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

from paseport.claims import Claims
from paseport.errors import AuthenticationRequired, InvalidToken
from paseport.identifiers import parse_uuid
from paseport.principal import Principal
from paseport.revocation_list import RevocationList
from paseport.subject import SubjectState

_NO_ROLES: frozenset[str] = frozenset()


class Tokens(Protocol):
    """Whoever checks a token from grammar to claims (``TokenVerifier``)."""

    def recall(self, token: str) -> Claims | None:
        """Return the claims of a token that was verified before and is valid now; None says to ``verify`` it."""
        ...

    async def verify(self, token: str) -> Claims:
        """Return the claims of a token that is valid now. Raises ``InvalidToken`` or ``Unavailable``."""
        ...


class Subjects(Protocol):
    """Whoever knows what a subject is today (``FindSubject``, ``SubjectCopies``)."""

    def recall(self, subject: str) -> SubjectState | None:
        """Return what is known without asking anybody; None says to ask."""
        ...

    async def __call__(self, user_id: UUID) -> SubjectState | None:
        """Return the subject's state, or None where there is no such user. Raises ``Unavailable``, never guesses."""
        ...


class AuthenticateBearer:
    """Verify the token, ask whether it was revoked, look up who it is today. Any doubt refuses."""

    def __init__(self, tokens: Tokens, revocations: RevocationList, subjects: Subjects) -> None:
        self._tokens = tokens
        self._revocations = revocations
        self._subjects = subjects

    def recall(self, token: str) -> Principal | None:
        """Return the caller where all that is needed is in memory; None says to await the whole.

        Nothing is waited for. Raises ``InvalidToken``, and ``Unavailable`` when the revocation feed is stale.
        """
        claims = self._tokens.recall(token)
        if claims is None:
            return None
        self._revocations.check(claims)
        if claims.user_version is None:
            return _machine(claims)
        state = self._subjects.recall(claims.subject)
        return None if state is None else _user(claims, claims.user_version, state)

    async def __call__(self, token: str | None) -> Principal:
        """Return the caller.

        Raises ``AuthenticationRequired`` without a token, ``InvalidToken`` whatever is wrong with it, and
        ``Unavailable`` when a key, the revocation feed or the subject's state cannot be had.
        """
        if token is None:
            raise AuthenticationRequired("no bearer token")
        claims = self._tokens.recall(token)
        if claims is None:
            claims = await self._tokens.verify(token)
        self._revocations.check(claims)
        if claims.user_version is None:
            return _machine(claims)
        state = self._subjects.recall(claims.subject)
        if state is None:
            state = await self._subjects(UUID(claims.subject))
            if state is None:
                raise InvalidToken("subject is unknown")
            # It may have been revoked while the subject was asked for.
            self._revocations.check(claims)
        return _user(claims, claims.user_version, state)


def _machine(claims: Claims) -> Principal:
    """Return the caller of a token without user version: a machine, which holds no roles."""
    if parse_uuid(claims.subject) is not None:
        raise InvalidToken("a user's token without version")
    return Principal(claims)


def _user(claims: Claims, version: int, state: SubjectState) -> Principal:
    if not state.enabled:
        raise InvalidToken("subject is disabled or deleted")
    if version < state.version:
        raise InvalidToken("user version is too old")
    # A token is never worth more than its scope: without `roles` the caller holds none (design §3).
    return Principal(claims, state.username, state.roles if "roles" in claims.scope else _NO_ROLES)
