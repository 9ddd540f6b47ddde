"""From an access token to the caller it stands for."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final, Protocol
from uuid import UUID

from paseport.claims import CLOCK_LEEWAY, Claims
from paseport.clock import Clock
from paseport.errors import AuthenticationRequired, InvalidToken
from paseport.identifiers import is_uuid
from paseport.principal import Principal
from paseport.revocation_list import RevocationList
from paseport.subject import SubjectState
from paseport.token_cache import Kept
from paseport.verdict import Verdict

LOOK_AGAIN_SECONDS: Final = 1.0
"""A backstop, as for copies: what is looked at anew after it would have been heard of, or comes to pass by itself (a
key document to be fetched, a key past its end)."""
VERDICTS_KEPT: Final = 2048
"""About 2 KiB each: as many callers as come again within that second."""
_NO_ROLES: frozenset[str] = frozenset()


class Tokens(Protocol):
    """Whoever checks a token from grammar to claims (``TokenVerifier``)."""

    def find(self, token: str) -> Kept | None:
        """Return what is remembered of a token that was verified before, without a look at anything."""
        ...

    def is_good(self, kept: Kept) -> bool:
        """Say whether a token is still what it was when it was verified. Raises ``InvalidToken`` once it expired."""
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

    def __init__(self, tokens: Tokens, revocations: RevocationList, subjects: Subjects, clock: Clock) -> None:
        self._tokens = tokens
        self._revocations = revocations
        self._subjects = subjects
        self._clock = clock
        self._latest: OrderedDict[str, Verdict] = OrderedDict()

    def recall(self, token: str) -> Principal | None:
        """Return the caller where all that is needed is in memory; None says to await the whole.

        Nothing is waited for. Raises ``InvalidToken``, and ``Unavailable`` when the revocation feed is stale.
        """
        verdict = self.verdict(token)
        return None if verdict is None else verdict.principal

    def verdict(self, token: str) -> Verdict | None:
        """Return the same with what was made from it since it was judged in full.

        While nothing new was heard, the feed is fresh, and the token's time has not ended, a verdict of a moment ago
        is what would come of it again: every revocation, change of a subject and snapshot raises the revision. It is
        found by the token itself: a digest would cost as much as all else that is left to do.
        """
        verdict = self._latest.get(token)
        if (
            verdict is not None
            and verdict.revision == self._revocations.revision
            and self._clock.monotonic() < verdict.look_again_at
            and verdict.begins <= self._clock.now() < verdict.ends
        ):
            return verdict
        return self._judge(token)

    async def __call__(self, token: str | None) -> Principal:
        """Return the caller.

        Raises ``AuthenticationRequired`` without a token, ``InvalidToken`` whatever is wrong with it, and
        ``Unavailable`` when a key, the revocation feed or the subject's state cannot be had.
        """
        if token is None:
            raise AuthenticationRequired("no bearer token")
        kept = self._tokens.find(token)
        claims = kept.claims if kept is not None and self._tokens.is_good(kept) else await self._tokens.verify(token)
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

    def _judge(self, token: str) -> Verdict | None:
        self._latest.pop(token, None)
        kept = self._tokens.find(token)
        if kept is None:
            return None
        # Of before the looks: what is heard later makes the verdict old.
        revision, claims, moment = self._revocations.revision, kept.claims, self._clock.monotonic()
        if not self._tokens.is_good(kept):
            return None
        self._revocations.check(claims)
        if claims.user_version is None:
            principal = _machine(claims)
        else:
            state = self._subjects.recall(claims.subject)
            if state is None:
                return None
            principal = _user(claims, claims.user_version, state)
        look_again_at = min(moment + LOOK_AGAIN_SECONDS, self._revocations.stale_after)
        begins, ends = claims.not_before - CLOCK_LEEWAY, claims.expires_at
        verdict = self._latest[token] = Verdict(principal, revision, look_again_at, begins, ends)
        if len(self._latest) > VERDICTS_KEPT:
            self._latest.popitem(last=False)
        return verdict


def _machine(claims: Claims) -> Principal:
    """Return the caller of a token without user version: a machine, which holds no roles."""
    if is_uuid(claims.subject):
        raise InvalidToken("a user's token without version")
    return Principal(claims)


def _user(claims: Claims, version: int, state: SubjectState) -> Principal:
    if not state.enabled:
        raise InvalidToken("subject is disabled or deleted")
    if version < state.version:
        raise InvalidToken("user version is too old")
    # A token is never worth more than its scope: without `roles` the caller holds none (design §3).
    roles = state.roles if "roles" in claims.scope else _NO_ROLES
    return Principal(claims, state.username, roles, state.email, state.name)
