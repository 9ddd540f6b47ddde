"""Copies of what subjects are, kept until the feed says that one is old."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from paseport.clock import Clock
from paseport.errors import Unavailable
from paseport.find_subject import FindSubject
from paseport.revocation import Revocation, RevocationKind, SubjectChange
from paseport.revocation_list import Listener
from paseport.subject import SubjectState

COPIES_KEPT: Final = 20_000
MAX_AGE_SECONDS: Final = 60.0
"""A backstop: the feed says at once what changed, and this bounds what a fault in that could do."""


@dataclass(slots=True, eq=False)
class _Copy:
    state: SubjectState | None
    round: int
    good_until: float


class SubjectCopies(Listener):
    """Answers from memory, and asks again once the feed has named a subject, or may have missed to.

    A copy that may be old still counts where neither the directory nor the record's keeper answers: what it could have
    missed would have come as a revocation, and whoever hears of none any more is refused elsewhere. One that the feed
    has named does not, nor any for a directory that answers and has lost its entry.
    """

    def __init__(
        self,
        find: FindSubject,
        clock: Clock,
        *,
        copies_kept: int = COPIES_KEPT,
        max_age_seconds: float = MAX_AGE_SECONDS,
    ) -> None:
        self._find = find
        self._clock = clock
        self._copies_kept = copies_kept
        self._max_age = max_age_seconds
        self._copies: OrderedDict[str, _Copy] = OrderedDict()
        # Counted up where all copies grow old at once: only those of the present round are current.
        self._round = 0
        # Whoever asks leaves a mark that a change removes: an answer from before the change is not kept.
        self._asking: dict[str, object] = {}

    def recall(self, subject: str) -> SubjectState | None:
        """Return the copy if it is current and names somebody; None says to ask."""
        copy = self._copies.get(subject)
        return copy.state if copy is not None and self._is_current(copy) else None

    async def __call__(self, user_id: UUID) -> SubjectState | None:
        """Return the subject's state, or None where there is no such user. Raises ``Unavailable``, never guesses."""
        subject = str(user_id)
        copy = self._copies.get(subject)
        if copy is not None and self._is_current(copy):
            return copy.state
        mark = object()
        self._asking[subject] = mark
        try:
            state = await self._find(user_id)
        except Unavailable:
            # The copy of now: the feed may have named the subject while nobody answered.
            copy = self._copies.get(subject)
            if copy is None or self._find.directory_answers:
                raise
            return copy.state
        finally:
            is_unchanged = self._asking.get(subject) is mark
            if is_unchanged:
                del self._asking[subject]
        if is_unchanged:
            self._keep(subject, state)
        return state

    def heard(self, new: Sequence[Revocation | SubjectChange]) -> None:
        """See ``Listener``."""
        for what in new:
            if isinstance(what, Revocation):
                # Of a feed that names no changes: whoever is of an older version was disabled, deleted or reset.
                if what.kind is RevocationKind.USER and self._is_older(what):
                    self._drop(what.subject)
            elif what.subject is None:
                self.lost_track()
            else:
                self._drop(what.subject)

    def lost_track(self) -> None:
        """See ``Listener``."""
        self._asking.clear()
        self._round += 1

    def _is_older(self, revocation: Revocation) -> bool:
        copy = self._copies.get(revocation.subject)
        state = None if copy is None else copy.state
        return state is None or revocation.min_version is None or state.version < revocation.min_version

    def _drop(self, subject: str) -> None:
        self._asking.pop(subject, None)
        # Known to be old, and so no answer even where nobody else can give one.
        self._copies.pop(subject, None)

    def _is_current(self, copy: _Copy) -> bool:
        return copy.round == self._round and self._clock.monotonic() < copy.good_until

    def _keep(self, subject: str, state: SubjectState | None) -> None:
        self._copies[subject] = _Copy(state, self._round, self._clock.monotonic() + self._max_age)
        self._copies.move_to_end(subject)
        if len(self._copies) > self._copies_kept:
            self._copies.popitem(last=False)
