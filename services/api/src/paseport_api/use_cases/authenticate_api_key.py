"""From an API key to the caller it stands for."""

from __future__ import annotations

import hashlib
import os
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from paseport.authenticate_bearer import Subjects
from paseport.clock import Clock
from paseport.errors import InvalidToken, Unavailable
from paseport.revocation_list import RevocationList
from paseport.subject import SubjectState
from paseport_shared.domain.models.api_key import ApiKey, ApiKeyPeppers, ApiKeySecret, parse_api_key
from paseport_shared.domain.models.policy import Asker, CredentialKind

from paseport_api.use_cases.api_key_copies import ApiKeyCopies

REMEMBERED: Final = 20_000
LOOK_AGAIN_SECONDS: Final = 1.0
"""A backstop, as for tokens."""
LATEST: Final = 4_096
"""How many keys are found by their text for as long: as many as come again within that second."""
MAX_TEXT: Final = 512
"""Characters. A key has 71; what other systems made is shorter than this."""


class LegacyTokens(Protocol):
    """Whoever knows the keys that another system made, by their text."""

    async def find(self, text: str) -> ApiKey | None:
        """Return the key, or None where there is none. Raises ``Unavailable``."""
        ...


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A genuine key and who asks with it. ``ends`` is when it stops to work by itself, None where it does not.

    Whether it is good for a request says ``key.refusal``.
    """

    key: ApiKey
    owner: SubjectState
    asker: Asker
    ends: datetime | None


@dataclass(slots=True, eq=False)
class _Latest:
    known: KnownKey
    revision: int
    look_again_at: float


@dataclass(frozen=True, slots=True)
class _Fitted:
    key_id: str
    digest: bytes


class AuthenticateApiKey:
    """Grammar, copy, revocations, digest, owner: in this order, and any doubt refuses.

    What fitted once is remembered, up to ``remembered`` keys by a keyed digest of their whole text, in place of grammar
    and digest and of nothing else. What did not fit never enters: whoever guesses drives out nobody.
    """

    def __init__(
        self,
        peppers: ApiKeyPeppers,
        copies: ApiKeyCopies,
        revocations: RevocationList,
        subjects: Subjects,
        clock: Clock,
        *,
        legacy: LegacyTokens | None = None,
        remembered: int = REMEMBERED,
    ) -> None:
        self._peppers = peppers
        self._copies = copies
        self._revocations = revocations
        self._subjects = subjects
        self._clock = clock
        self._legacy = legacy
        self._remembered = remembered
        self._begun = hashlib.blake2b(key=os.urandom(32), digest_size=16)
        self._fitted: OrderedDict[bytes, _Fitted] = OrderedDict()
        self._latest: OrderedDict[str, _Latest] = OrderedDict()

    def recall(self, text: str) -> KnownKey | None:
        """Return what came of this text a moment ago, if the same would come of it again; None says to await the whole.

        While nothing new was heard, the feed is fresh and the key has not ended, it would: every change of a key and of
        an owner raises the revision. Nothing is waited for.
        """
        latest = self._latest.get(text)
        if latest is None:
            return None
        if latest.revision != self._revocations.revision or self._clock.monotonic() >= latest.look_again_at:
            del self._latest[text]
            return None
        return latest.known

    def is_same(self, known: KnownKey) -> bool:
        """Say whether all that a look at a key of a moment ago would find is what it found then.

        The copies of the key and of its owner are the same objects, nothing has named either, and its time has not
        ended. False says to look. Nothing is waited for, and nothing raised.
        """
        return (
            self._copies.recall(known.key.id) is known.key
            and self._subjects.recall(known.asker.subject) is known.owner
            and not self._revocations.is_stale
            and self._revocations.is_current(known.key.id, known.key.revision)
            and (known.ends is None or self._clock.now() < known.ends)
        )

    def remembers(self, text: str) -> bool:
        """Say whether this text was a key when it was last presented here."""
        return self._name_of(text) in self._fitted

    async def __call__(self, text: str) -> KnownKey:
        """Return the key and its caller.

        Raises ``InvalidToken`` for what is no key, an unknown or revoked one, a wrong or replaced secret and an owner
        who is disabled or deleted; ``Unavailable`` where nobody can say.
        """
        if len(text) > MAX_TEXT:
            raise InvalidToken("the API key is too long")
        # Of before the looks: what is heard later makes it old.
        revision, moment = self._revocations.revision, self._clock.monotonic()
        name = self._name_of(text)
        known = self._fitted.get(name)
        found = None if known is None else await self._again(known)
        if found is None:
            self._fitted.pop(name, None)
            found = await self._first(text, name)
        else:
            self._fitted.move_to_end(name)
        key, ends = found
        answer = await self._of_owner(key, ends)
        self._note(text, _Latest(answer, revision, self._look_again_at(moment, ends)))
        return answer

    async def _again(self, known: _Fitted) -> tuple[ApiKey, datetime | None] | None:
        """Return the key of a text that fitted before, or None where it has to be looked at anew."""
        key = await self._current(known.key_id, lambda: self._copies(known.key_id))
        if key is None:
            return None
        held = next((held for held in key.secrets if held.digest == known.digest), None)
        if held is None or not held.is_live(self._clock.now()):
            return None
        return key, _earlier(key.expires_at, held.expires_at)

    async def _first(self, text: str, name: bytes) -> tuple[ApiKey, datetime | None]:
        presented = parse_api_key(text)
        if presented is None:
            return await self._of_another_system(text)
        key = await self._current(presented.id, lambda: self._copies(presented.id))
        if key is None:
            raise InvalidToken("the API key is unknown or revoked")
        held = key.live_secret(presented, self._peppers, self._clock.now())
        if held is None:
            raise InvalidToken("no live secret of the API key fits")
        self._remember(name, key, held)
        return key, _earlier(key.expires_at, held.expires_at)

    async def _of_another_system(self, text: str) -> tuple[ApiKey, datetime | None]:
        legacy = self._legacy
        if legacy is None:
            raise InvalidToken("this is no API key")
        key = await self._current(None, lambda: legacy.find(text))
        if key is None:
            raise InvalidToken("this is no API key, and none that another system made")
        return key, key.expires_at

    async def _current(self, key_id: str | None, ask: Callable[[], Awaitable[ApiKey | None]]) -> ApiKey | None:
        """Return a key as it is now, or None. What was looked up while the feed named the key is looked up again."""
        key = None if key_id is None else self._copies.recall(key_id)
        for _ in range(2):
            if key is None:
                key = await ask()
            if key is None or self._revocations.is_current(key.id, key.revision):
                return key
            key = None
        raise Unavailable("what is known of the API key is older than its last change")

    async def _of_owner(self, key: ApiKey, ends: datetime | None) -> KnownKey:
        state = self._subjects.recall(str(key.owner_id))
        if state is None:
            state = await self._subjects(key.owner_id)
            # It may have been changed while its owner was asked for.
            if not self._revocations.is_current(key.id, key.revision):
                raise Unavailable("the API key was changed while its owner was looked up")
        if state is None or not state.enabled:
            raise InvalidToken("the owner of the API key is disabled or deleted")
        # A key carries no version of its owner's: what was read of them must not be older than what the feed said.
        if not self._revocations.is_current_user(str(key.owner_id), state.version):
            raise Unavailable("what is known of the owner of the API key is older than their last revocation")
        asker = Asker(
            CredentialKind.API_KEY,
            subject=str(key.owner_id),
            username=state.username,
            roles=key.roles & state.roles,
            scopes=frozenset(key.scopes),
            email=state.email,
            name=state.name,
            key_id=key.id,
        )
        return KnownKey(key, state, asker, ends)

    def _look_again_at(self, moment: float, ends: datetime | None) -> float:
        bound = min(moment + LOOK_AGAIN_SECONDS, self._revocations.stale_after)
        if ends is None:
            return bound
        return min(bound, self._clock.monotonic() + (ends - self._clock.now()).total_seconds())

    def _note(self, text: str, latest: _Latest) -> None:
        self._latest[text] = latest
        if len(self._latest) > LATEST:
            self._latest.popitem(last=False)

    def _name_of(self, text: str) -> bytes:
        digest = self._begun.copy()
        digest.update(text.encode("utf-8", "surrogatepass"))
        return digest.digest()

    def _remember(self, name: bytes, key: ApiKey, held: ApiKeySecret) -> None:
        self._fitted[name] = _Fitted(key.id, held.digest)
        if len(self._fitted) > self._remembered:
            self._fitted.popitem(last=False)


def _earlier(first: datetime | None, second: datetime | None) -> datetime | None:
    moments = [moment for moment in (first, second) if moment is not None]
    return min(moments, default=None)
