"""Copies of API keys, kept until the feed says that one is old."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from paseport.clock import Clock
from paseport.errors import Unavailable
from paseport.revocation import Revocation, RevocationKind, SubjectChange
from paseport.revocation_list import Listener
from paseport_shared.domain.models.api_key import ApiKey

from paseport_api.use_cases.find_api_key import FindApiKey

COPIES_KEPT: Final = 20_000
MAX_AGE_SECONDS: Final = 60.0
"""A backstop, as for subjects: the feed says at once what changed."""
MISSES_KEPT: Final = 2_000
MISS_SECONDS: Final = 1.0
"""How long nobody asks again for an id that is unknown. A key that is made meanwhile may be refused for so long."""


@dataclass(slots=True, eq=False)
class _Copy:
    key: ApiKey
    round: int
    good_until: float


class ApiKeyCopies(Listener):
    """Answers from memory, and asks again once the feed has named a key, or may have missed to.

    A copy that may be old still counts where neither the directory nor the issuer answers: what it could have missed
    would have come as a revocation, and whoever hears of none any more is refused elsewhere. One that the feed has
    named does not. Misses are a short list of their own, so that whoever tries ids drives out no key.
    """

    def __init__(self, find: FindApiKey, clock: Clock, *, copies_kept: int = COPIES_KEPT) -> None:
        self._find = find
        self._clock = clock
        self._copies_kept = copies_kept
        self._copies: OrderedDict[str, _Copy] = OrderedDict()
        self._misses: OrderedDict[str, float] = OrderedDict()
        # Counted up where all copies grow old at once: only those of the present round are current.
        self._round = 0
        # Whoever asks leaves a mark that a change removes: an answer from before the change is not kept.
        self._asking: dict[str, object] = {}

    def __len__(self) -> int:
        return len(self._copies)

    def recall(self, key_id: str) -> ApiKey | None:
        """Return the copy if it is current; None says to ask."""
        copy = self._copies.get(key_id)
        return copy.key if copy is not None and self._is_current(copy) else None

    async def __call__(self, key_id: str) -> ApiKey | None:
        """Return the key, or None where there is none. Raises ``Unavailable``, never guesses."""
        copy = self._copies.get(key_id)
        if copy is not None and self._is_current(copy):
            return copy.key
        if self._clock.monotonic() < self._misses.get(key_id, 0.0):
            return None
        mark = object()
        self._asking[key_id] = mark
        try:
            found = await self._find.look_up(key_id)
        except Unavailable:
            # The copy of now: the feed may have named the key while nobody answered.
            copy = self._copies.get(key_id)
            if copy is None or self._find.directory_answers:
                raise
            return copy.key
        finally:
            is_unchanged = self._asking.get(key_id) is mark
            if is_unchanged:
                del self._asking[key_id]
        if is_unchanged:
            self._keep(key_id, found.key)
            if found.is_final:
                self._note_miss(key_id)
        return found.key

    def heard(self, new: Sequence[Revocation | SubjectChange]) -> None:
        """See ``Listener``."""
        for what in new:
            if isinstance(what, Revocation) and what.kind is RevocationKind.API_KEY:
                self._asking.pop(what.subject, None)
                self._misses.pop(what.subject, None)
                copy = self._copies.get(what.subject)
                if copy is not None and copy.key.revision < (what.min_version or 0):
                    # Known to be old, and so no answer even where nobody else can give one.
                    del self._copies[what.subject]

    def lost_track(self) -> None:
        """See ``Listener``."""
        self._asking.clear()
        self._misses.clear()
        self._round += 1

    def _is_current(self, copy: _Copy) -> bool:
        return copy.round == self._round and self._clock.monotonic() < copy.good_until

    def _keep(self, key_id: str, key: ApiKey | None) -> None:
        if key is None:
            self._copies.pop(key_id, None)
            return
        self._copies[key_id] = _Copy(key, self._round, self._clock.monotonic() + MAX_AGE_SECONDS)
        self._copies.move_to_end(key_id)
        if len(self._copies) > self._copies_kept:
            self._copies.popitem(last=False)

    def _note_miss(self, key_id: str) -> None:
        self._misses[key_id] = self._clock.monotonic() + MISS_SECONDS
        self._misses.move_to_end(key_id)
        if len(self._misses) > MISSES_KEPT:
            self._misses.popitem(last=False)
